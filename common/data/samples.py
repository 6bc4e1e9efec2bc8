"""What a data set consists of, and how images and masks in parallel folders are paired."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from common.data.classes import Classes
from common.errors import UserError, abbreviate

SplitName = Literal["train", "val", "test"]
SPLITS: tuple[SplitName, ...] = get_args(SplitName)

MASK_ENDINGS = ("_mask", "_masks", "_segmentation", "_seg", "_label")  # ISIC_0000000_Segmentation.png


@dataclass(frozen=True)
class Sample:
    """One image, its mask, and what the values in that mask mean.

    `key` is a name that stays the same wherever the data set lies. `mask` is None without labels, and `split`
    None where the layout has no official one.
    """

    key: str
    image: Path
    mask: Path | None
    values: Mapping[int, int]
    split: SplitName | None


@dataclass(frozen=True)
class Dataset:
    """The samples of a data set, before any of them is decoded."""

    layout: str
    classes: Classes | None
    """None without labels."""
    samples: tuple[Sample, ...]
    notes: tuple[str, ...] = ()
    """Sentences that the user should read."""


def pair_masks(images: Mapping[str, Path], masks: Mapping[str, Path]) -> dict[str, Path]:
    """Find the mask of each image: the one of the same name, or of that name and an ending such as `_mask`.

    Raises UserError if an image has no mask or two of them, or a mask no image.
    """
    paired: dict[str, Path] = {}
    strays = []
    for name, path in masks.items():
        key = name if name in images else _without_ending(name)
        if key not in images:
            strays.append(path)
        elif key in paired:
            raise UserError(f"{images[key]} has two masks, {paired[key]} and {path}; remove one of them")
        else:
            paired[key] = path
    bare = [path for key, path in images.items() if key not in paired]
    if bare:
        raise UserError(
            f"{len(bare)} of {len(images)} images have no mask of the same name: {abbreviate(bare)}; add the "
            "masks or move these images away"
        )
    if strays:
        raise UserError(
            f"{len(strays)} of {len(masks)} masks have no image of the same name: {abbreviate(strays)}; add the "
            "images or move these masks away"
        )
    return paired


def _without_ending(name: str) -> str:
    ending = next((ending for ending in MASK_ENDINGS if name.lower().endswith(ending)), "")
    return name[: len(name) - len(ending)]
