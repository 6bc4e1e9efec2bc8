"""The image files below a folder, and the names there that are none."""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from common.errors import UserError, abbreviate

IMAGE_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
OTHER_SUFFIXES = (".avif", ".dng", ".heic", ".heif", ".jfif", ".jp2", ".jpe", ".pgm", ".pnm", ".ppm")
"""Of images, too, which are not read."""


class Listing(NamedTuple):
    """What a folder holds."""

    files: dict[str, Path]
    """Image files by their path in the folder without the suffix, sorted."""
    passed_over: tuple[str, ...]
    """Names that look like images, and folders, that can't be read; each with the reason."""


def list_images(folder: Path) -> Listing:
    """List all image files below a folder; hidden names are skipped, and links to folders not followed.

    Only names are read. Raises UserError if two files differ in their suffix alone.
    """
    files: dict[str, Path] = {}
    passed_over: list[str] = []
    for name, entry in sorted(_entries(folder, "", passed_over), key=lambda named: named[0].split("/")):
        path, key = folder / name, name.rpartition(".")[0]
        if reason := _unusable(entry):
            passed_over.append(f"{path} ({reason})")
            continue
        if key in files:
            raise UserError(
                f"{files[key]} and {path} differ in their suffix alone; one name stands for one image: "
                "remove or rename one of them"
            )
        files[key] = path
    return Listing(files, tuple(passed_over))


def passed_over_note(names: Iterable[str]) -> tuple[str, ...]:
    """A sentence that counts the names that are passed over; none where there are none."""
    names = tuple(names)
    return (f"passed over: {len(names)} name{'s' * (len(names) > 1)}: {abbreviate(names, 5)}",) if names else ()


def _entries(folder: Path, inside: str, passed_over: list[str]) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Files that may be meant as images, and links that are not followed; folders that can't be opened are noted.

    What a folder says of its entries is enough: most files are not asked themselves.
    """
    try:
        entries = [entry for entry in os.scandir(folder / inside) if not entry.name.startswith(".")]
    except OSError as error:
        if not isinstance(error, FileNotFoundError):  # a layout may lack some of its folders
            passed_over.append(f"{error.filename} ({error.strerror})")
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _entries(folder, f"{inside}{entry.name}/", passed_over)
        elif _ends(entry, IMAGE_SUFFIXES + OTHER_SUFFIXES) or (entry.is_symlink() and not Path(entry).is_file()):
            yield f"{inside}{entry.name}", entry


def _ends(entry: os.DirEntry[str], suffixes: tuple[str, ...]) -> bool:
    return entry.name.lower().endswith(suffixes)


def _unusable(entry: os.DirEntry[str]) -> str:
    """Why a name is no image file; empty for one that is."""
    if not entry.is_file(follow_symlinks=False):
        try:
            mode = entry.stat().st_mode
        except OSError as error:
            return "a link to nothing" if isinstance(error, FileNotFoundError) else str(error.strerror)
        if stat.S_ISDIR(mode):
            return "a link to a folder"
        if not stat.S_ISREG(mode):
            return "no regular file"
    return "" if _ends(entry, IMAGE_SUFFIXES) else "of a type that is not read"
