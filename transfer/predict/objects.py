"""The connected parts of a mask, class by class."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8

from common.words import counted

SEEN = 4
"""Pixels of a network's input that the smallest part has: below it, more parts are specks than objects."""


class Part(NamedTuple):
    """Pixels of one class that touch each other, also at corners. Objects that touch are one part."""

    kind: int
    """The class."""
    area: int
    """In pixels."""
    left: int
    top: int
    width: int
    height: int
    x: float
    """The centre, as all places in pixels from the left and from the top."""
    y: float


def parts_of(mask: UInt8[np.ndarray, "h w"], background: int | None) -> Iterator[Part]:
    """The connected parts of every class but the background, by class and then from the top."""
    for index in np.flatnonzero(np.bincount(mask.ravel(), minlength=256)).tolist():
        if index == background:
            continue
        inside = (mask == index).astype(np.uint8)
        count, _, stats, centres = cv2.connectedComponentsWithStats(inside, connectivity=8)
        for one in range(1, count):
            left, top, width, height, area = stats[one].tolist()
            yield Part(index, area, left, top, width, height, *centres[one].tolist())


class Objects:
    """The connected parts of the masks of many images, but for specks."""

    def __init__(self, names: Sequence[str], background: int | None, *, input_size: int, least: int | None) -> None:
        """`least`: the pixels of the smallest part; None for those of `SEEN` in the network's input."""
        self.names, self.background, self.input_size, self.least = names, background, input_size, least
        self.areas: dict[int, list[int]] = {k: [] for k in range(len(names)) if k != background}
        """Pixels of the parts of each class."""
        self.specks, self.limits = 0, set[int]()

    def of(self, mask: UInt8[np.ndarray, "h w"]) -> list[Part]:
        """The parts of a mask, which are counted; specks are counted apart."""
        limit = round(SEEN * mask.size / self.input_size**2) if self.least is None else self.least
        parts = list(parts_of(mask, self.background))
        kept = [part for part in parts if part.area >= limit]
        self.limits.add(max(limit, 1))
        self.specks += len(parts) - len(kept)
        for part in kept:
            self.areas[part.kind].append(part.area)
        return kept

    def row(self, key: str, part: Part) -> list[Any]:
        """A line of objects.csv."""
        return [key, self.names[part.kind], *part[1:6], *(f"{place:.1f}" for place in part[6:])]

    def told(self) -> Iterator[str]:
        """Say for each class how many parts it has and how large they are, and what was left out."""
        yield "connected parts (objects.csv); touching objects of one class are one part:"
        yield "the network does not tell them apart"
        for k, areas in self.areas.items():
            size = f", median {np.median(areas):,.0f} pixels" if areas else ""
            yield f"  {self.names[k]:<18} {len(areas):>6,}{size}"
        if self.limits - {1}:
            ends = " to ".join(dict.fromkeys(f"{limit:,}" for limit in (min(self.limits), max(self.limits))))
            left_out = f"{counted(self.specks, 'part')} of less than {ends} pixels"
            yield f"left out as specks: {left_out}; --min_object_area sets how many, 0 counts all"
