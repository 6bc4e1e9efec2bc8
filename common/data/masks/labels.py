"""From a mask, wherever it is written down, to the class of each pixel of its image."""

from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from common.data.masks.mask import Frame, Mask
from common.data.values import UNKNOWN, Values, ValueTable
from common.errors import UserError, abbreviate, brief


class UnknownValuesError(UserError):
    """A mask holds what the classes don't know."""


class Labels(NamedTuple):
    """What is to be learnt of one image."""

    classes: UInt8[np.ndarray, "h w"]
    """A class for each pixel, 255 ignored."""
    values: tuple[int, ...]
    """The numbers of 8 bits that the mask held; none where its classes are told by colours."""
    lost: frozenset[str]
    """The kinds of what was lost in reading, of `common.data.lost`."""


def read_labels(mask: Mask, values: Values, frame: Frame) -> Labels:
    """Read the mask of an image as classes.

    Raises UserError as `Mask.read` does, and UnknownValuesError for a value that the classes do not know.
    """
    table = ValueTable(values)
    numbers, lost = mask.read(frame, table)
    classes = table.apply(numbers)
    found = np.unique(numbers)
    if (classes == UNKNOWN).any():
        unknown = [number for number in found.tolist() if table.index(number) == UNKNOWN]
        names = [f"#{number:06x}" for number in unknown] if table.colours else unknown
        what = "colours" if table.colours else "values"
        raise UnknownValuesError(
            f"the mask {mask} holds the {what} {abbreviate(names, 8)}, but the classes map only {brief(list(values))}"
        )
    seen = () if table.colours else tuple(found[found <= 255].tolist())
    return Labels(classes, seen, lost)
