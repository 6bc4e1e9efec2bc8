"""The image files that --input means: one, those of a folder, of a pattern, or of a list on standard input."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from common.data.listing import IMAGE_SUFFIXES, Listing, list_images, no_images
from common.errors import UserError

STANDARD_INPUT = Path("-")


def images_of(place: Path, *, without: set[Path]) -> Listing:
    """The images of --input by name; those within the folders `without` are left out.

    Names are paths within the folder, or within the one that holds all files of a pattern or a list; they lack the
    suffix. A list may name files that are not there. Raises UserError where there are no images.
    """
    if place == STANDARD_INPUT:
        return _named([line for line in sys.stdin.read().splitlines() if line.strip()], place)
    if place.is_file():
        return Listing({place.stem: place}, ())
    if place.is_dir():
        return _of_folder(place, without)
    if not set("*?[") & set(str(place)):
        raise UserError(f"there is no image and no folder {place}; check --input")
    return _named([path for path in _matches(place) if _outside(path, without) and _is_image(path)], place)


def _matches(pattern: Path) -> list[Path]:
    """The files of a pattern, in which ** stands for any folders; sorted."""
    try:
        return sorted(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))
    except ValueError as error:
        raise UserError(f"--input {pattern} is no pattern of names: {error}") from None


def _of_folder(folder: Path, without: set[Path]) -> Listing:
    listed = list_images(folder)
    files = {key: path for key, path in listed.files.items() if _outside(path, without)}
    if not files:
        raise no_images(folder, listed.passed_over, flag="--input")
    return Listing(files, listed.passed_over)


def _outside(path: Path, without: set[Path]) -> bool:
    """Whether a file is in none of these folders."""
    return without.isdisjoint(path.resolve().parents)


def _is_image(path: Path) -> bool:
    return path.name.lower().endswith(IMAGE_SUFFIXES) and not path.name.startswith(".") and path.is_file()


def _named(words: Sequence[str | Path], place: Path) -> Listing:
    """Files by their path within the folder that holds all of them."""
    if not words:
        what = "standard input names no images" if place == STANDARD_INPUT else f"no image matches {place}"
        raise UserError(f"{what}; check --input")
    paths = [Path(os.path.normpath(Path(word).absolute())) for word in words]
    home = os.path.commonpath([path.parent for path in paths])
    files: dict[str, Path] = {}
    for path in dict.fromkeys(paths):
        key = path.relative_to(home).with_suffix("").as_posix()
        if key in files:
            raise UserError(f"{files[key]} and {path} differ in their suffix alone: rename one of them")
        files[key] = path
    return Listing(files, ())
