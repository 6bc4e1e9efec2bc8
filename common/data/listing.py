"""The image files below a folder, and the names there that are none."""

import os
import stat
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from PIL import features

from common.errors import UserError, abbreviate
from common.words import counted

HEIF = find_spec("pi_heif") is not None
"""Whether the package is there by which Pillow reads the photographs of iPhones."""
IF_THERE = {
    ".avif": features.check("avif"), ".heic": HEIF, ".heif": HEIF, ".j2k": features.check("jpg_2000"),
    ".jp2": features.check("jpg_2000"),
}  # fmt: skip
"""Types that Pillow reads where it was built with what they need."""
IMAGE_SUFFIXES = (
    ".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp",
    *(suffix for suffix, there in IF_THERE.items() if there),
)  # fmt: skip
OTHER_SUFFIXES = (
    *IF_THERE, ".arw", ".cr2", ".cr3", ".czi", ".dcm", ".dng", ".exr", ".hdr", ".jxl", ".lif", ".mha", ".mhd", ".mrxs",
    ".nd2", ".ndpi", ".nef", ".nii", ".nii.gz", ".npy", ".nrrd", ".orf", ".pcx", ".psd", ".qoi", ".raf", ".rw2", ".svg",
    ".svs", ".tga",
)  # fmt: skip
"""Of images, too, which are not read."""
MASK_SUFFIXES = (*IMAGE_SUFFIXES, ".npy")
"""Of the files that a mask may be."""


OF_SYSTEMS = ("@eaDir", "#recycle", "#snapshot", "$RECYCLE.BIN", "System Volume Information", "__MACOSX", "lost+found")
"""Folders of thumbnails, deleted files and the like, that systems put beside those of people."""


OF_RESULTS = (
    {"run.json", "environment.json"},
    {"predict.json", "finished.jsonl"},
    {"suggest.json", "images"},
    {"findings.json", "contact_sheet.png"},
)
"""Files that lie together in a folder of results: of trainings, predictions, suggestions and the doctor."""


class Listing(NamedTuple):
    """What a folder holds."""

    files: dict[str, Path]
    """Files by their path in the folder, which may lack the suffix, sorted."""
    passed_over: tuple[str, ...]
    """Names that look like images, and folders, that can't be read; each with the reason."""


def plain_name(name: str) -> str:
    """A name by which names are compared: some systems write an e with its accent as one letter, some as two."""
    return unicodedata.normalize("NFC", name)


def in_small_letters(names: Iterable[str]) -> dict[str, str]:
    """Names by what they are in small letters, but for those that differ in capital letters alone."""
    small: dict[str, str | None] = {}
    for name in names:
        small[name.casefold()] = None if name.casefold() in small else name
    return {key: name for key, name in small.items() if name is not None}


def raised(error: UserError) -> None:
    """Raise an error."""
    raise error


def list_images(
    folder: Path, suffixes: Sequence[str] = IMAGE_SUFFIXES, *, refuse: Callable[[UserError], None] = raised
) -> Listing:
    """List all files of some types below a folder, by their names without the suffix, as `list_files` does.

    Two files that differ in their suffix alone are an error for `refuse`; if that returns, the first is taken.
    """
    return without_suffixes(list_files(folder, suffixes), refuse=refuse)


def without_suffixes(listed: Listing, *, refuse: Callable[[UserError], None] = raised) -> Listing:
    """What `list_files` listed, by the names without the suffix; see `list_images`."""
    files: dict[str, Path] = {}
    for name, path in listed.files.items():
        key = name.rpartition(".")[0]
        if key in files:
            refuse(
                UserError(
                    f"{files[key]} and {path} differ in their suffix alone; one name stands for one image: remove or "
                    "rename one of them"
                )
            )
        files.setdefault(key, path)
    return Listing(files, listed.passed_over)


def list_files(folder: Path, suffixes: Sequence[str]) -> Listing:
    """List all files of some types below a folder, sorted by name; links are followed.

    Hidden names, and those `OF_SYSTEMS`, are skipped; folders of results below it are passed over. Only names are read.
    """
    files: dict[str, Path] = {}
    passed_over: list[str] = []
    known = (*suffixes, *(suffix for suffix in OTHER_SUFFIXES if IMAGE_SUFFIXES[0] in suffixes))
    for name, entry in sorted(_entries(folder, "", known, passed_over), key=lambda named: named[0].split("/")):
        if reason := _unusable(entry, tuple(suffixes)):
            passed_over.append(f"{folder / name} ({reason})")
        else:
            files[plain_name(name)] = folder / name
    return Listing(files, tuple(passed_over))


def passed_over_note(names: Iterable[str]) -> tuple[str, ...]:
    """A sentence that counts the names that are passed over; none where there are none."""
    names = tuple(names)
    return (f"passed over: {counted(len(names), 'name')}: {abbreviate(names, 5)}",) if names else ()


def no_images(folder: Path, passed_over: Iterable[str] = (), *, flag: str = "--data_dir") -> UserError:
    """The error for a folder without images, which `flag` names; `passed_over` is what it holds in their place."""
    if any(folder.glob("*.tar")):
        return UserError(f"{folder} holds tar files in place of images: phase 1 reads them by {flag} '{folder}/*.tar'")
    others = "".join(f"; {sentence}" for sentence in passed_over_note(passed_over))
    return UserError(f"{folder} holds no images ({', '.join(IMAGE_SUFFIXES)}); check {flag}{others}")


def _entries(
    folder: Path, inside: str, suffixes: tuple[str, ...], passed_over: list[str], around: Sequence[os.stat_result] = ()
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Files of these types, and links to nothing; folders that can't be opened, or lie within themselves, are noted.

    What a folder says of its entries is enough: most files are not asked themselves.
    """
    try:
        here = (folder / inside).stat()
        if any(os.path.samestat(here, outer) for outer in around):
            passed_over.append(f"{folder / inside} (a link to a folder around it)")
            return
        with os.scandir(folder / inside) as scanned:
            entries = [entry for entry in scanned if not entry.name.startswith(".") and entry.name not in OF_SYSTEMS]
    except OSError as error:
        if not isinstance(error, FileNotFoundError):  # a layout may lack some of its folders
            passed_over.append(f"{error.filename} ({error.strerror})")
        return
    names = {entry.name for entry in entries}
    if inside and any(marks <= names for marks in OF_RESULTS):
        passed_over.append(f"{folder / inside} (results, and no data)")
        return
    for entry in entries:
        if is_folder(entry):
            yield from _entries(folder, f"{inside}{entry.name}/", suffixes, passed_over, (*around, here))
        elif entry.name.lower().endswith(suffixes) or (entry.is_symlink() and not Path(entry).is_file()):
            yield f"{inside}{entry.name}", entry


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder, or a link to one; a link to itself is none."""
    with suppress(OSError):
        return entry.is_dir()
    return False


def _unusable(entry: os.DirEntry[str], suffixes: tuple[str, ...]) -> str:
    """Why a name is no file of these types; empty for one that is."""
    if not entry.is_file(follow_symlinks=False):
        try:
            mode = entry.stat().st_mode
        except OSError as error:
            return "a link to nothing" if isinstance(error, FileNotFoundError) else str(error.strerror)
        if not stat.S_ISREG(mode):
            return "no regular file"
    if entry.name.lower().endswith(suffixes):
        return ""
    return (
        "needs pip install pi-heif" if entry.name.lower().endswith((".heic", ".heif")) else "of a type that is not read"
    )
