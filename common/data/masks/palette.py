"""Masks with a palette: whether their classes are told by its colours, or by their indices."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Integer, UInt8
from PIL import Image

from common.data.values import ValueTable
from common.errors import UserError

BLACK, WHITE = 0, 0xFFFFFF
NUMBER_OF = {BLACK: 0, WHITE: 255}
WITH_PALETTE = ("P", "PA")
"""Modes of Pillow."""


def colours_of(picture: Image.Image) -> Integer[np.ndarray, " 256"] | None:
    """The colour of each index, 0xRRGGBB; None for a picture without a palette."""
    if picture.mode not in WITH_PALETTE or picture.palette is None:
        return None
    palette = np.array(picture.convert("P").getpalette("RGB"), dtype=np.uint8).reshape(-1, 3)
    return np.pad(as_numbers(palette), (0, 256 - len(palette)))


def told_by_index(palette: Mapping[int, int], table: ValueTable) -> bool:
    """Whether the classes are told by these indices, and neither by the colours of a table nor as black and white."""
    return not table.colours and (not _black_and_white(palette, table) or _numbered(palette, table))


def white_is_no_255(palette: Mapping[int, int], table: ValueTable) -> bool:
    """Whether these indices of black and white have other classes than 0 and 255, and are told all the same."""
    if table.colours or not (_black_and_white(palette, table) and _numbered(palette, table)):
        return False
    return any(table.index(index) != table.index(NUMBER_OF[colour]) for index, colour in palette.items())


def _black_and_white(palette: Mapping[int, int], table: ValueTable) -> bool:
    return {*palette.values()} <= NUMBER_OF.keys() and table.knows(0) and table.knows(255)


def _numbered(palette: Mapping[int, int], table: ValueTable) -> bool:
    """Whether a table numbers the classes: it knows these indices, and 1 as another class than 255."""
    return table.index(1) != table.index(255) and all(map(table.tells, (1, *palette)))


def told(
    indices: UInt8[np.ndarray, "h w"], colours: Integer[np.ndarray, " 256"], table: ValueTable
) -> Integer[np.ndarray, "h w"]:
    """The numbers by which the classes are told: indices, colours, or 0 and 255 for black and white."""
    if told_by_index({index: int(colours[index]) for index in np.unique(indices).tolist()}, table):
        return indices
    return colours[indices] if table.colours else np.where(colours[indices] == WHITE, 255, 0)


def refuse_other_palettes(masks: Iterable[tuple[Path, Mapping[int, str]]]) -> None:
    """Raise UserError, naming two masks, where an index has one colour in the one and another in the other."""
    first: dict[int, tuple[Path, str]] = {}
    for path, palette in masks:
        for index, colour in palette.items():
            other, before = first.setdefault(index, (path, colour))
            if colour != before:
                raise UserError(
                    f"the masks {other} and {path} have different palettes: index {index} is {before} in the one and "
                    f"{colour} in the other; tell the classes by colours in a YAML file with --classes, such as "
                    f"\"values: {{'{before}': 0, ...}}\", or save the masks with one palette"
                )


def as_numbers(colours: UInt8[np.ndarray, "*shape 3"]) -> Integer[np.ndarray, "*shape"]:
    """Colours as single numbers, 0xRRGGBB."""
    red, green, blue = (colours[..., channel].astype(np.int32) for channel in range(3))
    return (red << 16) | (green << 8) | blue
