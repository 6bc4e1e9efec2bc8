"""What a mask is, wherever it is written down; and masks that are one or several image files."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Integer, UInt8

from common.data.masks.file import MaskPixels, read_mask_file
from common.data.opened import BadFileError
from common.data.turned import TURNS_SIDE, turn
from common.data.values import IGNORE, UNKNOWN, ValueTable

GROUND, LEFT_OUT, STRANGE, SHOWN = range(1, 5)
"""What a mask of a union says of a pixel, the weightiest last: background, ignored, unknown to the table, drawn."""
WEIGHTS = np.full(256, SHOWN, np.uint8)
WEIGHTS[[0, IGNORE, UNKNOWN]] = GROUND, LEFT_OUT, STRANGE
"""By class."""
Join = Literal["later", "union"]
"""How several masks of an image become one: the later goes over the earlier, or what any shows is foreground."""


class MisfitError(BadFileError):
    """A mask does not lie on its image: it has another size, or may be turned."""


class Frame(NamedTuple):
    """The image that a mask belongs to, as it is shown."""

    path: Path
    height: int
    width: int
    turned: int = 1
    """EXIF orientation of its file, from which it was turned to be shown."""
    page: int = 0
    """Which picture of a mask file of several belongs to it."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width


class Drawn(NamedTuple):
    """The numbers of a mask, one for each pixel of the image."""

    numbers: Integer[np.ndarray, "h w"]
    """Grey values, indices, or colours as 0xRRGGBB where the classes are told by colours."""
    lost: frozenset[str] = frozenset()
    """The kinds of what was lost in reading, of `common.data.lost`."""


class Mask(ABC):
    """Where the mask of an image is written down; nothing is read before `read`."""

    @property
    @abstractmethod
    def files(self) -> tuple[Path, ...]:
        """The files whose bytes say what the mask is."""

    @property
    def content(self) -> list[Any]:
        """What else says what the mask is, as plain data."""
        return []

    def outlined(self) -> Mapping[int, str] | None:
        """The numbers of its outlines, with their labels or ""; None for a picture. A damaged file has none."""
        return None

    @abstractmethod
    def read(self, frame: Frame, table: ValueTable) -> Drawn:
        """The numbers of the mask, of the image's size.

        Raises BadFileError for a damaged file and one that does not fit the image, and UserError for numbers or
        colours that no table can mean.
        """

    def __str__(self) -> str:
        return str(self.files[0])


@dataclass(frozen=True)
class MaskFile(Mask):
    """One image file, or one array of NumPy."""

    path: Path

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.path,)

    def read(self, frame: Frame, table: ValueTable) -> Drawn:
        pixels = read_mask_file(self.path, table, frame.page)
        return placed(pixels, frame, self.path)


@dataclass(frozen=True)
class NoObjects(Mask):
    """The mask of an image in which nothing is drawn: 0 everywhere."""

    @property
    def files(self) -> tuple[Path, ...]:
        return ()

    @property
    def content(self) -> list[Any]:
        return ["no objects"]

    def outlined(self) -> Mapping[int, str]:
        return {}

    def read(self, frame: Frame, table: ValueTable) -> Drawn:  # noqa: ARG002
        return Drawn(np.zeros(frame.size, np.int32))

    def __str__(self) -> str:
        return "an image without objects"


@dataclass(frozen=True)
class JoinedMasks(Mask):
    """Several masks of one image.

    Of later ones what holds 0, or black, leaves the earlier masks as they are. In a union any class but the first is
    foreground, and what a mask ignores is ignored where none shows foreground.
    """

    parts: Sequence[Mask]
    join: Join = "later"
    named_as_parts: bool = True
    """Whether their names say that they are parts of one mask, such as x_mask_1 and x_mask_2."""

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(path for part in self.parts for path in part.files)

    @property
    def content(self) -> list[Any]:
        return [self.join, *(part.content for part in self.parts if part.content)]

    def outlined(self) -> Mapping[int, str] | None:
        return outlined_in(self.parts)

    def read(self, frame: Frame, table: ValueTable) -> Drawn:
        numbers, weights, lost = np.zeros(frame.size, np.int32), np.zeros(frame.size, np.uint8), set[str]()
        for part in self.parts:
            drawn = part.read(frame, table)
            if self.join == "union":
                _unite(numbers, weights, drawn.numbers, table)
            else:
                np.copyto(numbers, drawn.numbers, where=drawn.numbers != 0)
            lost |= drawn.lost
        return Drawn(numbers, frozenset(lost))


def outlined_in(masks: Sequence[Mask]) -> Mapping[int, str] | None:
    """The numbers of the outlines in any of these masks, see `Mask.outlined`; None where one is a picture."""
    outlined = [mask.outlined() for mask in masks]
    return None if None in outlined else {number: name for one in outlined for number, name in (one or {}).items()}


def _unite(
    numbers: Integer[np.ndarray, "h w"],
    weights: UInt8[np.ndarray, "h w"],
    mask: Integer[np.ndarray, "h w"],
    table: ValueTable,
) -> None:
    """Lay a mask over the numbers of others: one number of the table for what it shows, else its own."""
    own = WEIGHTS[table.apply(mask)]
    if table.foreground == 1:  # such masks may show an object by any number
        own[(own == STRANGE) & (mask != 0)] = SHOWN
    np.copyto(numbers, mask, where=own > weights)
    np.copyto(numbers, table.foreground, where=own == SHOWN)
    np.maximum(weights, own, out=weights)


def placed(pixels: MaskPixels, frame: Frame, path: Path) -> Drawn:
    """The pixels of a mask file, turned as the EXIF tag of its image says unless it had a tag of its own.

    Raises MisfitError where it then differs in size from its image, and where it may lie one way or the other.
    """
    numbers, lost = pixels.numbers, pixels.lost
    if frame.turned != 1 and not pixels.upright:
        as_shown, as_stored = (numbers.shape == size for size in (frame.size, frame.size[::-1]))
        if as_shown and (as_stored or frame.turned not in TURNS_SIDE):
            raise MisfitError(
                f"the image {frame.path} is turned as its EXIF tag says (orientation {frame.turned}), and its mask "
                f"{path} may be drawn before or after that: save the image upright, without the tag"
            )
        if as_stored and not as_shown:
            numbers, lost = turn(numbers, frame.turned), lost | {"turned"}
    if numbers.shape != frame.size:
        height, width = numbers.shape
        turned = " (one of them is turned by a quarter)" if numbers.shape == frame.size[::-1] else ""
        raise MisfitError(
            f"the image {frame.path} is {frame.width} x {frame.height} pixels and its mask {path} {width} x {height}"
            + turned
        )
    return Drawn(numbers, lost)
