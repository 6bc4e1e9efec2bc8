"""Masks that are outlines of objects in a JSON file of LabelMe."""

import base64
import binascii
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool
from PIL import Image

from common.data.masks.file import MaskPixels
from common.data.masks.mask import Drawn, Frame, Mask, placed
from common.data.masks.outlines import covered, laid_over
from common.data.opened import REFUSED_BY_PILLOW, BadFileError
from common.data.values import ValueTable

POLYGONS = ("polygon", "rotation", "oriented_rectangle", "quadrilateral")
AREAS = (*POLYGONS, "rectangle", "circle", "mask")
"""The kinds of shapes that cover an area."""
CORNERS = 64
"""Of the polygon that a circle is drawn as."""


class Outline(NamedTuple):
    """A shape of LabelMe."""

    label: str
    kind: str
    points: Sequence[Sequence[float]]
    """Corners as (x, y) in pixels: those of a polygon, two opposite ones of a rectangle or a mask, or the centre of a
    circle and a point on it."""
    mask: str | None
    """A picture of the area between two corners, as PNG in base64."""


@dataclass(frozen=True)
class LabelmeOutlines(Mask):
    """The shapes of one image, a later one over an earlier one. What none covers is 0."""

    path: Path
    numbers: Mapping[str, int]
    """The number of each label in the mask."""

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.path,)

    @property
    def content(self) -> list[Any]:
        return [dict(self.numbers)]

    def outlined(self) -> Mapping[int, str]:
        try:
            outlines = outlines_in(json.loads(self.path.read_bytes())) or ()
        except (OSError, ValueError, RecursionError):
            return {}
        labels = {outline.label for outline in outlines if outline.kind in AREAS}
        return {number: label for label, number in self.numbers.items() if label in labels}

    def read(self, frame: Frame, table: ValueTable) -> Drawn:  # noqa: ARG002
        try:
            document = json.loads(self.path.read_bytes())
            outlines = outlines_in(document)
            if outlines is None:
                raise ValueError("it has no shapes")
            size = document.get("imageHeight") or frame.height, document.get("imageWidth") or frame.width
            shapes = (outline for outline in outlines if outline.kind in AREAS)
            numbers, lost = laid_over(((self.numbers[shape.label], _inside(shape, size)) for shape in shapes), size)
        except (*REFUSED_BY_PILLOW, TypeError, KeyError, IndexError, RecursionError) as error:
            raise BadFileError(f"cannot draw the outlines in {self.path}: {error}") from error
        return placed(MaskPixels(numbers, lost=lost, upright=True), frame, self.path)


def outlines_in(document: object) -> Sequence[Outline] | None:
    """The shapes of a JSON document of LabelMe; None for another document. Raises ValueError for shapes of others."""
    match document:
        case {"shapes": [*shapes], "imagePath": _}:
            pass
        case _:
            return None
    outlines = []
    for shape in shapes:
        match shape:
            case {"label": str(label) | int(label), "points": [*points]}:
                outlines.append(Outline(str(label), shape.get("shape_type") or "polygon", points, shape.get("mask")))
            case _:
                raise ValueError("a shape has no label or no points")
    return outlines


def _inside(outline: Outline, size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """The pixels that a shape covers. Raises ValueError, TypeError or IndexError for one that is not whole."""
    if outline.kind == "mask":
        return _pasted(outline, size)
    points = [(float(x), float(y)) for x, y in outline.points]
    if outline.kind == "rectangle" and len(points) == 2:
        (left, top), (right, bottom) = points
        points = [(left, top), (right, top), (right, bottom), (left, bottom)]
    elif outline.kind == "circle":
        (x, y), edge = points
        radius, turns = math.dist((x, y), edge), (2 * math.pi * k / CORNERS for k in range(CORNERS))
        points = [(x + radius * math.cos(turn), y + radius * math.sin(turn)) for turn in turns]
    return covered([[number for point in points for number in point]], size)


def _pasted(outline: Outline, size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """The area of a shape of kind mask, which is a picture with its corner at the first point."""
    (left, top), *_ = outline.points
    try:
        png = base64.b64decode(outline.mask or "", validate=True)
    except binascii.Error as error:
        raise ValueError(f"the picture of a mask is damaged ({error})") from error
    with Image.open(io.BytesIO(png)) as picture:
        area = np.asarray(picture.convert("L")) > 0
    inside = np.zeros(size, bool)
    rows, columns = (
        slice(max(round(at), 0), max(round(at) + side, 0)) for at, side in zip((top, left), area.shape, strict=True)
    )
    part = inside[rows, columns]
    part[:] = area[max(-round(top), 0) :, max(-round(left), 0) :][: part.shape[0], : part.shape[1]]
    return inside
