"""Which mask belongs to which image, by their names."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import NamedTuple

from common.data.listing import MASK_SUFFIXES, in_small_letters
from common.data.masks.mask import JoinedMasks, Mask, MaskFile
from common.data.masks.outlines import YoloOutlines
from common.errors import abbreviate

MASK_WORDS = (
    "mask", "masks", "segmentation", "seg", "label", "labels", "labelids", "lesion", "roi", "gt", "groundtruth",
    "ground_truth", "annotation", "annotations", "anno", "annot", "trimap", "matte",
)  # fmt: skip
IMAGE_WORDS = ("image", "img", "photo", "rgb", "sat", "leftimg8bit")
NUMBER = r"(?:[_\-. ]?\d+)?"
MASK_NAME = re.compile(rf"(.+?)[_\-. ]+(?:gtfine_)?(?:{'|'.join(MASK_WORDS)}){NUMBER}", re.IGNORECASE)
IMAGE_NAME = re.compile(rf"(.+?)[_\-. ]+(?:{'|'.join(IMAGE_WORDS)})", re.IGNORECASE)
BEFORE = r"(?:[_\-. ]+|(?=\d))"
"""What stands between such a word and the name: mask_a, mask1."""
MASK_FIRST = re.compile(rf"(.*/)?(?:{'|'.join(MASK_WORDS)}){BEFORE}([^/]+)", re.IGNORECASE)
IMAGE_FIRST = re.compile(rf"(.*/)?(?:{'|'.join(IMAGE_WORDS)}){BEFORE}([^/]+)", re.IGNORECASE)
ENDINGS = ", ".join(f"_{word}" for word in MASK_WORDS[:9])
"""For messages."""
FEW = 200
"""Masks by whose names a pattern is looked for."""


class Paired(NamedTuple):
    """The masks of images, by the images' keys, and the masks that belong to none."""

    masks: Mapping[str, Mask]
    strays: Sequence[Path]


def mask_stem(name: str) -> str | None:
    """The name without the ending, or the beginning, that says that it is a mask's; None for a name without one."""
    return _without(name, MASK_NAME, MASK_FIRST)


def image_stem(name: str) -> str:
    """The name without the ending, or the beginning, that says that it is an image's: x of x_image, 1 of img_1."""
    return _without(name, IMAGE_NAME, IMAGE_FIRST) or name


def _without(name: str, ending: re.Pattern[str], beginning: re.Pattern[str]) -> str | None:
    if found := ending.fullmatch(name):
        return found[1]
    found = beginning.fullmatch(name)
    return f"{found[1] or ''}{found[2]}" if found else None


def pair_masks(images: Mapping[str, Path], masks: Iterable[tuple[str, Path]]) -> Paired:
    """Find the masks of each image by their keys, the paths without suffix inside their folders.

    A mask has the name of the image, or that name and an ending such as `_mask` or `_mask_2`, or lies in a folder of
    that name. Capital letters count where two images differ in them alone. Several masks are parts of one if their
    names differ in numbers alone, or if they share such a folder.
    """
    stems = Counter(image_stem(key) for key in images)
    homes = {stem: key for key in images if stems[stem := image_stem(key)] == 1} | {key: key for key in images}
    small = in_small_letters(homes)
    parts: dict[str, list[tuple[str, Path]]] = {}
    strays = []
    for name, path in masks:
        stems = (name, mask_stem(name), name.rpartition("/")[0])
        stem = next((stem for stem in stems if stem and stem in homes), None)
        stem = stem or next((small[stem.casefold()] for stem in stems if stem and stem.casefold() in small), None)
        if stem is None:
            strays.append(path)
        else:
            parts.setdefault(homes[stem], []).append((name, path))
    return Paired({key: as_one_mask(several, key) for key, several in parts.items()}, strays)


def as_one_mask(files: Sequence[tuple[str, Path]], folder: str = "") -> Mask:
    """The mask of an image that is drawn in one file, or in several, given by their names and paths.

    They are parts of one mask if their names differ in numbers alone, or if they lie in a `folder` of their own.
    """
    ordered = [
        YoloOutlines(path) if path.suffix.lower() == ".txt" else MaskFile(path)
        for _, path in sorted(files, key=lambda file: natural(file[0]))
    ]
    if len(ordered) == 1:
        return ordered[0]
    kinds = {f"{path.parent}/{re.sub(f'{NUMBER}$', '', path.stem)}" for _, path in files}
    own = all(name.rpartition("/")[0] == folder != "" for name, _ in files)
    return JoinedMasks(tuple(ordered), named_as_parts=own or len(kinds) == 1)


def natural(name: str) -> list[tuple[str, int]]:
    """A key by which 10 comes after 9."""
    return [(word, int(digits or 0)) for word, digits in re.findall(r"(\D*)(\d*)", name)]


def where_looked(
    root: Path, image_folder: Path | None, mask_folders: Sequence[Path], images: Iterable[str], strays: Sequence[Path]
) -> str:
    """Where the masks of images were looked for, by which names, and what else lies there; and what to do."""
    if image_folder is None or not mask_folders:
        return f"there is no folder of masks beside {image_folder or root}: add the masks"
    folder, image_folder = mask_folders[0].relative_to(root), image_folder.relative_to(root)
    lies = f"; it holds {abbreviate([path.name for path in strays])}" if strays else ""
    if others := _of_other_types(mask_folders[0]):
        lies += f"; of types that are not read it holds {abbreviate(others)}"
    looked = f"looked in {folder}/ for the same name, also with {ENDINGS}{lies}"
    if pattern := _common_pattern(images, strays):
        inside = "**/" if any(path.parent != mask_folders[0] for path in strays) else ""
        of_images = f"{image_folder}/{'**/' if any('/' in key for key in images) else ''}{{stem}}.*"
        return f"{looked}: say so with --images '{of_images}' --masks '{folder}/{inside}{pattern}'"
    return f"{looked}: add the masks, move these images away, or say where masks lie with --images and --masks"


def _of_other_types(folder: Path) -> list[str]:
    """The names of the files below a folder that are no masks by their type."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith("."))
    return [path.name for path in files if not path.name.lower().endswith(MASK_SUFFIXES)]


def _common_pattern(images: Iterable[str], strays: Sequence[Path]) -> str:
    """How most masks without an image are named, such as seg_{stem}.png; empty where no name is that of most."""
    names = {key.rpartition("/")[2] for key in images}
    patterns = Counter(pattern for path in strays[:FEW] if (pattern := _pattern(path.name, path.stem, names)))
    pattern, count = max(patterns.items(), key=lambda item: item[1], default=("", 0))
    return pattern if 2 * count > min(len(strays), FEW) else ""


def _pattern(file: str, stem: str, names: Set[str]) -> str:
    """A file's name with {stem} for the longest name of an image in it."""
    for length in range(len(stem), 0, -1):
        for start in range(len(stem) - length + 1):
            if stem[start : start + length] in names:
                return f"{file[:start]}{{stem}}{file[start + length :]}"
    return ""
