"""Layouts of parallel folders: one of images and one of masks for each part of a data set."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from common.data.layouts.folders import SPLIT_NAMES, Tree, sample_in
from common.data.layouts.layout import Find, Found, merged, splits_note
from common.data.layouts.pairing import pair_masks, where_looked
from common.data.layouts.splits_file import with_splits
from common.data.listing import MASK_SUFFIXES, Listing
from common.data.samples import SplitName
from common.errors import UserError

TEXTS = (".json", ".txt", ".xml")
"""Types of files that describe outlines or boxes, and are no masks."""


class Folders(NamedTuple):
    """Where a layout keeps one split, relative to the data set's folder; `split` None if inner folders may say it."""

    split: SplitName | None
    images: tuple[str, ...]
    """The names that the folder of images may have; the first that is there is taken."""
    masks: tuple[str, ...]
    """The names that the folder of masks may have; all that are there are taken."""


class Place(NamedTuple):
    """Where one split lies in a folder of data."""

    split: SplitName | None
    images: Path | None
    masks: Sequence[Path]


def parallel(*folders: Folders, splits_file: str = "", alone: bool = False) -> Find:
    """Folders of images beside folders of masks of the same names. With `alone` two folders of images are enough.

    `splits_file` is a CSV file in the data set's folder with a line stem,split for every image; read where it is there.
    """

    def find(tree: Tree) -> Found | None:
        places = [Place(row.split, tree.folder(*row.images), _those(tree, row.masks)) for row in folders]
        images = [place.images for place in places if place.images]
        masks = [folder for place in places for folder in place.masks]
        if not images or not (masks or (alone and len(images) > 1)) or _hold_texts_alone(masks):
            return None
        found = merged([paired(tree, place) for place in places if place.images or place.masks])
        if splits_file and (table := tree.root / splits_file).is_file():
            try:
                return replace(found, samples=with_splits(found.samples, table), notes=())
            except UserError as error:
                tree.refuse(error)
        return found

    return find


def by_split(images: str, masks: Sequence[str]) -> tuple[Folders, ...]:
    """The folders of each split by its names, such as {}/images and {}/masks, or {} and {}_masks."""
    return tuple(
        Folders(split, (images.format(name),), tuple(mask.format(name) for mask in masks))
        for split, names in SPLIT_NAMES.items()
        for name in names
    )


def paired(tree: Tree, place: Place) -> Found:
    """The images of one folder with their masks in others; the folders inside may say the split where none is given."""
    split = place.split
    images, passed_over = tree.images(place.images) if place.images else Listing({}, ())
    listed = [tree.masks(folder) for folder in place.masks]
    masks, strays = pair_masks(images, [mask for files, _ in listed for mask in files.items()])
    samples = [sample_in(split, key, image, masks.get(key)) for key, image in images.items()]
    return Found(
        samples=samples,
        strays=strays,
        where=where_looked(tree.root, place.images, place.masks, images, strays) if len(masks) < len(images) else "",
        notes=[] if split else splits_note(samples),
        passed_over=[*passed_over, *(name for _, names in listed for name in names)],
    )


def _those(tree: Tree, names: Sequence[str]) -> list[Path]:
    return [folder for name in names if (folder := tree.folder(name))]


def _hold_texts_alone(folders: Sequence[Path]) -> bool:
    """Whether masks are written down as texts, which is another layout; an empty folder holds none."""
    suffixes = {path.suffix.lower() for folder in folders for path in folder.rglob("*")}
    return not suffixes & set(MASK_SUFFIXES) and bool(suffixes & set(TEXTS))
