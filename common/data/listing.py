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
    for path in sorted(_names(folder, passed_over)):
        if reason := _unusable(path):
            passed_over.append(f"{path} ({reason})")
            continue
        key = path.relative_to(folder).with_suffix("").as_posix()
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


def _names(folder: Path, passed_over: list[str]) -> Iterator[Path]:
    """Files that may be meant as images, and links that are not followed; folders that can't be opened are noted."""

    def refused(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):  # a layout may lack some of its folders
            passed_over.append(f"{error.filename} ({error.strerror})")

    for inside, folders, names in os.walk(folder, onerror=refused):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for path in (Path(inside, name) for name in [*folders, *names] if not name.startswith(".")):
            image = path.suffix.lower() in IMAGE_SUFFIXES + OTHER_SUFFIXES and path.name not in folders
            if image or (path.is_symlink() and not path.is_file()):
                yield path


def _unusable(path: Path) -> str:
    """Why a name is no image file; empty for one that is."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return "a link to nothing" if isinstance(error, FileNotFoundError) else str(error.strerror)
    if stat.S_ISDIR(mode):
        return "a link to a folder"
    if not stat.S_ISREG(mode):
        return "no regular file"
    return "" if path.suffix.lower() in IMAGE_SUFFIXES else "of a type that is not read"
