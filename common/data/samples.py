"""What a data set consists of."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from common.data.classes import Classes
from common.data.deep import Depth
from common.data.fitting import Fitting
from common.data.masks.mask import Mask
from common.data.values import Values

PAGE = "_page"
SplitName = Literal["train", "val", "test"]
SPLITS: tuple[SplitName, ...] = get_args(SplitName)
Part = SplitName | Literal["all"]


class Reading(NamedTuple):
    """How the files of a sample are read, where another way would do as well."""

    page: int | None = None
    """Which picture of a stack or animation it is, from 0; None for a file of one."""
    depth: Depth | None = None
    """The values that become 0 and 255 of an image of more than 8 bits; None for one of 8 bits."""
    mask_page: int = 0
    mask_kinds: tuple[str, ...] = ()
    """What the mask's file has beside numbers: a palette, transparency, a loss; and how it is read because of that."""
    refused: str = ""
    """Why it is a bad file, though it may be read."""


PLAIN = Reading()


@dataclass(frozen=True)
class Sample:
    """One image, its mask, and what the values in that mask mean.

    `key` is a name that stays the same wherever the data set lies; those of the pages of one file differ behind
    `PAGE`. `mask` is None without labels, and `split`
    None where the layout has no official one.
    """

    key: str
    image: Path
    mask: Mask | None
    values: Values
    split: SplitName | None
    reading: Reading = PLAIN


@dataclass(frozen=True)
class Dataset:
    """The samples of a data set, before any of them is decoded."""

    layout: str
    classes: Classes | None
    """None without labels."""
    samples: tuple[Sample, ...]
    notes: tuple[str, ...] = ()
    """Sentences that the user should read."""
    depth: Depth | None = None
    """The values of images of more than 8 bits that become 0 and 255; None where there are none."""
    fitting: Fitting | None = None
    """How its images become squares; None before that is settled."""


def mask_files(sample: Sample) -> tuple[Path, ...]:
    """The files of the mask of a sample, if it has one."""
    return () if sample.mask is None else sample.mask.files
