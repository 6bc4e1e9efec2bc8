"""What a data set consists of."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from common.data.classes import Classes
from common.data.masks.mask import Mask
from common.data.values import Values

SplitName = Literal["train", "val", "test"]
SPLITS: tuple[SplitName, ...] = get_args(SplitName)


@dataclass(frozen=True)
class Sample:
    """One image, its mask, and what the values in that mask mean.

    `key` is a name that stays the same wherever the data set lies. `mask` is None without labels, and `split`
    None where the layout has no official one.
    """

    key: str
    image: Path
    mask: Mask | None
    values: Values
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


def mask_files(sample: Sample) -> tuple[Path, ...]:
    """The files of the mask of a sample, if it has one."""
    return () if sample.mask is None else sample.mask.files
