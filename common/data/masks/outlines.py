"""Masks that are outlines of objects, as numbers in a text or in JSON, and are drawn when they are read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from jaxtyping import Bool, Float

from common.data.masks.file import MaskPixels
from common.data.masks.mask import Drawn, Frame, Mask, placed
from common.data.opened import BadFileError
from common.data.values import ValueTable


@dataclass(frozen=True)
class YoloOutlines(Mask):
    """A text with a line `class x y x y ...` for each object, in shares of the image's width and height.

    Pixels of the first class are 1, and those of no object 0. An empty text is an image without objects.
    """

    path: Path

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.path,)

    def read(self, frame: Frame, table: ValueTable) -> Drawn:  # noqa: ARG002
        numbers = np.zeros(frame.size, np.int32)
        for number, corners in _lines(self.path):
            numbers[covered([(corners * [frame.width, frame.height]).ravel()], frame.size)] = number
        return Drawn(numbers)


def _lines(path: Path) -> list[tuple[int, Float[np.ndarray, "n 2"]]]:
    """The number and the corners of each object. Raises BadFileError for a text of something else."""
    objects = []
    try:
        for line in path.read_text(encoding="utf-8-sig").splitlines():
            if words := line.split():
                numbers = np.array([float(word) for word in words[1:]])
                if len(words) == 5:
                    raise ValueError("it holds boxes (5 numbers a line) and no outlines: export it for segmentation")
                if len(words) < 7 or len(words) % 2 == 0 or not (np.abs(numbers - 0.5) <= 1).all():
                    raise ValueError(f"{line[:40]!r} is no line of a class and three or more corners, in shares of 1")
                objects.append((int(words[0]) + 1, numbers.reshape(-1, 2)))
    except (OSError, ValueError) as error:
        raise BadFileError(f"cannot read the outlines in {path}: {error}") from error
    return objects


class Shape(NamedTuple):
    """An object: its number in the mask, and its outlines as COCO has them, polygons or run lengths."""

    number: int
    outlines: Any


@dataclass(frozen=True)
class CocoOutlines(Mask):
    """The objects of one image in a JSON file of COCO, a later one over an earlier one. What none covers is 0."""

    path: Path
    name: str
    """The image's name in that file."""
    size: tuple[int, int] | None
    """Its height and width there; None where they are not told, and are those of the image."""
    shapes: Sequence[Shape]

    @property
    def files(self) -> tuple[Path, ...]:
        return ()

    @property
    def content(self) -> list[Any]:
        return [self.size, *self.shapes]

    def read(self, frame: Frame, table: ValueTable) -> Drawn:  # noqa: ARG002
        numbers = np.zeros(self.size or frame.size, np.int32)
        for shape in self.shapes:
            try:
                numbers[covered(shape.outlines, numbers.shape)] = shape.number
            except (ValueError, TypeError, KeyError, IndexError) as error:
                raise BadFileError(f"cannot draw the outlines of {self.name} in {self.path}: {error}") from error
        return placed(MaskPixels(numbers), frame, self.path)

    def __str__(self) -> str:
        return f"{self.path} ({self.name})"


def covered(outlines: Any, size: Sequence[int]) -> Bool[np.ndarray, "h w"]:
    """The pixels that polygons, or run lengths, cover."""
    from pycocotools import mask  # now: few data sets need it

    wanted: Any = outlines
    if not isinstance(outlines, Mapping):
        polygons = [list(map(float, polygon)) for polygon in outlines]
        if not polygons or any(len(polygon) < 6 or len(polygon) % 2 for polygon in polygons):
            raise ValueError("an outline has fewer than three corners")
        wanted = mask.merge(mask.frPyObjects(cast(Any, polygons), *size))
    elif isinstance(outlines["counts"], list):
        wanted = mask.frPyObjects(cast(Any, outlines), *size)
    return mask.decode(wanted).astype(bool)
