"""The connected parts of a mask, class by class."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64, UInt8
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from common.data.classes import IGNORE
from common.data.fitting import Fitting
from common.strips import row_strips
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
    """The connected parts of every class but the background, by class, then from the top and from the left.

    Memory holds a strip of the mask (`row_strips`) and 56 bytes for each part of a class.
    """
    strips = (np.bincount(mask[rows].ravel(), minlength=256) for rows in row_strips(*mask.shape))
    for kind in np.flatnonzero(sum(strips)).tolist():
        if kind not in (background, IGNORE):
            yield from sorted(_parts_of_class(mask, kind), key=_place)


def _place(part: Part) -> tuple[float, ...]:
    return part.top, part.left, *part


def cut_out(mask: UInt8[np.ndarray, "h w"], parts: Iterable[Part]) -> Iterator[tuple[Part, Bool[np.ndarray, "p q"]]]:
    """Parts of `parts_of`, each with its pixels in the rectangle around it.

    Memory holds four bytes for each pixel of the mask.
    """
    for kind, group in groupby(parts, key=lambda part: part.kind):
        _, labels, stats, _ = cv2.connectedComponentsWithStats((mask == kind).view(np.uint8))
        numbers = defaultdict(list)
        for number, (left, top, width, height, area) in enumerate(stats[1:].tolist(), start=1):
            numbers[area, left, top, width, height].append(number)
        for part in group:
            rows, columns = slice(part.top, part.top + part.height), slice(part.left, part.left + part.width)
            yield part, labels[rows, columns] == numbers[part[1:6]].pop()


def _parts_of_class(mask: UInt8[np.ndarray, "h w"], kind: int) -> Iterator[Part]:
    pieces, touching, count = [np.empty((0, 7), np.int64)], [np.empty((0, 2), np.int64)], 0
    above = np.zeros(mask.shape[1], np.int64)
    for rows in row_strips(*mask.shape):
        found, labels, stats, centres = cv2.connectedComponentsWithStats((mask[rows] == kind).view(np.uint8))
        pieces.append(_pieces(stats[1:].astype(np.int64), centres[1:], rows.start))
        below = _numbered(labels[0], count)
        touching.append(_touching(above, below))
        above, count = _numbered(labels[-1], count), count + found - 1
    (first, second), every = np.concatenate(touching).T, np.concatenate(pieces)
    if not count:
        return
    edges = coo_array((np.ones(len(first), bool), (first, second)), shape=(count, count))
    part = connected_components(edges, directed=False)[1]
    order = np.argsort(part, kind="stable")
    begins = np.flatnonzero(np.diff(part[order], prepend=-1))
    sums = np.add.reduceat(every[order, :3], begins)
    starts = np.minimum.reduceat(every[order, 3:5], begins)
    ends = np.maximum.reduceat(every[order, 5:], begins)
    for (area, x, y), (left, top), (right, bottom) in zip(sums.tolist(), starts.tolist(), ends.tolist(), strict=True):
        yield Part(kind, area, left, top, right - left, bottom - top, x / area, y / area)


def _pieces(stats: Int64[np.ndarray, "n 5"], centres: Float64[np.ndarray, "n 2"], top: int) -> Int64[np.ndarray, "n 7"]:
    """Of the parts of a strip that begins at `top`: area, sums of x and y, then left, top, right and bottom."""
    left, upper, width, height, area = stats.T
    x, y = np.rint(centres.T * area).astype(np.int64)
    return np.stack([area, x, y + top * area, left, upper + top, left + width, upper + top + height], axis=1)


def _numbered(labels: Int32[np.ndarray, " w"], count: int) -> Int64[np.ndarray, " w"]:
    """The parts in a row by their number from 1 on, after the `count` of earlier strips; 0 where there is none."""
    return np.where(labels > 0, labels.astype(np.int64) + count, 0)


def _touching(above: Int64[np.ndarray, " w"], below: Int64[np.ndarray, " w"]) -> Int64[np.ndarray, "n 2"]:
    """The parts of two rows that touch, also at corners, by their numbers from 0 on."""
    around = np.pad(above, 1)
    pairs = np.concatenate([np.stack([around[shift : shift + len(below)], below], axis=1) for shift in range(3)])
    return np.unique(pairs[(pairs > 0).all(axis=1)], axis=0) - 1


class Found(NamedTuple):
    """The parts of one mask."""

    parts: Sequence[Part]
    """All but specks."""
    specks: int
    """How many specks there are."""
    limit: int
    """The pixels of the smallest part."""


class Objects:
    """The connected parts of the masks of many images, but for specks."""

    def __init__(
        self, names: Sequence[str], background: int | None, *, fitting: Fitting | None, least: int | None
    ) -> None:
        """`least`: the pixels of the smallest part; None for those of `SEEN` in the network's input.

        `fitting`: how images became what the network sees; None where it sees them at their own size.
        """
        self.names, self.background, self.fitting, self.least = names, background, fitting, least
        self.areas: dict[int, list[int]] = {k: [] for k in range(len(names)) if k != background}
        """Pixels of the parts of each class."""
        self.specks, self.limits = 0, set[int]()

    def of(self, mask: UInt8[np.ndarray, "h w"]) -> Found:
        """The parts of a mask. They are not counted yet, so that threads may ask for them."""
        seen = mask.size if self.fitting is None else self.fitting.box(*mask.shape).pixels
        limit = round(SEEN * mask.size / seen) if self.least is None else self.least
        parts = list(parts_of(mask, self.background))
        kept = [part for part in parts if part.area >= limit]
        return Found(kept, len(parts) - len(kept), max(limit, 1))

    def count(self, found: Found) -> None:
        """Count the parts of a mask; specks are counted apart."""
        self.limits.add(found.limit)
        self.specks += found.specks
        for part in found.parts:
            self.areas[part.kind].append(part.area)

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
