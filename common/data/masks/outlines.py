"""Masks that are outlines of objects, as numbers in a text or in JSON, and are drawn when they are read."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from jaxtyping import Bool, Float, Integer

from common.data.masks.file import MaskPixels
from common.data.masks.mask import Drawn, Frame, Mask, placed
from common.data.opened import BadFileError
from common.data.values import UNKNOWN, ValueTable
from common.errors import UserError, abbreviate


@dataclass(frozen=True)
class YoloOutlines(Mask):
    """A text with a line `class x y x y ...` for each object, in shares of the image's width and height.

    Pixels of the first class are 1, and those of no object 0. An empty text is an image without objects.
    """

    path: Path

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.path,)

    def outlined(self) -> Mapping[int, str]:
        try:
            return dict.fromkeys((number for number, _ in _lines(self.path)), "")
        except BadFileError:
            return {}

    def read(self, frame: Frame, table: ValueTable) -> Drawn:
        lines = _lines(self.path)
        if unknown := sorted({number - 1 for number, _ in lines if table.index(number) == UNKNOWN}):
            raise UserError(
                f"{self.path} has outlines of class {abbreviate(unknown)} (counted from 0), which nothing names: give "
                "the names of all classes in a data.yaml beside images/, such as 'names: [cell, vessel]', or map "
                f"{abbreviate([number + 1 for number in unknown])} in the file of --classes"
            )
        scale = [frame.width, frame.height]
        areas = ((number, covered([(corners * scale).ravel()], frame.size)) for number, corners in lines)
        return Drawn(*laid_over(areas, frame.size))


def _lines(path: Path) -> list[tuple[int, Float[np.ndarray, "n 2"]]]:
    """The number and the corners of each object. Raises BadFileError for a text of something else."""
    objects = []
    try:
        for line in path.read_text(encoding="utf-8-sig").splitlines():
            if words := line.split():
                numbers = np.array([float(word) for word in words[1:]])
                if len(words) == 5:
                    raise ValueError("it holds boxes (5 numbers a line) and no outlines: export it for segmentation")
                if len(words) > 7 and len(words) % 2 == 0 and (np.abs(numbers - 0.5) <= 1).all():
                    raise ValueError("a line has one number too many, as of predictions with their confidence: drop it")
                if len(words) < 7 or len(words) % 2 == 0 or not (np.abs(numbers - 0.5) <= 1).all():
                    raise ValueError(f"{line[:40]!r} is no line of a class and three or more corners, in shares of 1")
                objects.append((_class(words[0]) + 1, numbers.reshape(-1, 2)))
    except UnicodeDecodeError as error:
        raise BadFileError(f"cannot read the outlines in {path}: it is no text in UTF-8") from error
    except (OSError, ValueError) as error:
        raise BadFileError(f"cannot read the outlines in {path}: {error}") from error
    return objects


def _class(word: str) -> int:
    """The number of a class, from 0; some programs write it as 2.0. Raises ValueError for what is none."""
    number = float(word)
    if number < 0 or number % 1 or not math.isfinite(number):
        raise ValueError(f"{word[:40]} is no class: classes are numbered from 0")
    return int(number)


def laid_over(
    areas: Iterable[tuple[int, Bool[np.ndarray, "h w"]]], size: tuple[int, int]
) -> tuple[Integer[np.ndarray, "h w"], frozenset[str]]:
    """Objects by their numbers, a later one over an earlier one, and what was lost: outlines that cover no pixel."""
    numbers, lost = np.zeros(size, np.int32), frozenset[str]()
    for number, inside in areas:
        numbers[inside] = number
        lost = lost if inside.any() else frozenset({"outline"})
    return numbers, lost


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

    def outlined(self) -> Mapping[int, str]:
        return dict.fromkeys((shape.number for shape in self.shapes), "")

    def read(self, frame: Frame, table: ValueTable) -> Drawn:  # noqa: ARG002
        try:
            if self.shapes and all(_in_shares(shape.outlines) for shape in self.shapes):
                raise ValueError("all corners lie between 0 and 1: multiply them by the image's width and height")
            size = self.size or frame.size
            numbers, lost = laid_over(((number, covered(outlines, size)) for number, outlines in self.shapes), size)
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise BadFileError(f"cannot draw the outlines of {self.name} in {self.path}: {error}") from error
        return placed(MaskPixels(numbers, lost=lost), frame, self.path)

    def __str__(self) -> str:
        return f"{self.path} ({self.name})"


def covered(outlines: Any, size: Sequence[int]) -> Bool[np.ndarray, "h w"]:
    """The pixels that polygons, or run lengths, cover. Raises ValueError, TypeError or KeyError for what is neither."""
    from pycocotools import mask  # now: few data sets need it

    wanted: Any = outlines
    if not isinstance(outlines, Mapping):
        wanted = mask.merge(mask.frPyObjects(cast(Any, _polygons(outlines)), *size))
    elif isinstance(outlines["counts"], list):
        wanted = mask.frPyObjects(cast(Any, outlines), *size)
    inside = mask.decode(wanted).astype(bool)
    if inside.shape != (*size,):
        (height, width), (high, wide) = size, inside.shape
        raise ValueError(f"its run lengths are of {wide} x {high} pixels, and the image of {width} x {height}")
    return inside


def _in_shares(outlines: Any) -> bool:
    """Whether polygons lie within the first pixel: corners of COCO are in pixels, and those of YOLO in shares of 1."""
    if isinstance(outlines, Mapping):
        return False
    return all(0 <= number <= 1 for polygon in _polygons(outlines) for number in polygon)


def _polygons(outlines: Any) -> list[list[float]]:
    """Polygons as lists of x, y, x, y and so on; one that stands alone is one."""
    several = [outlines] if outlines and isinstance(outlines[0], int | float) else outlines
    polygons = [list(map(float, polygon)) for polygon in several]
    if not polygons or any(len(polygon) < 6 or len(polygon) % 2 for polygon in polygons):
        raise ValueError("an outline has fewer than three corners")
    if not all(math.isfinite(number) for polygon in polygons for number in polygon):
        raise ValueError("a corner is no number")
    return polygons
