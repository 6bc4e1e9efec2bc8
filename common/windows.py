"""Windows that cover images of any size, and maps of windows blended where these overlap. Imports no torch."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, pairwise, product
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8

from common.data.gather import ONE_PIECE
from common.errors import UserError
from common.run.input import Input
from common.terminal import progress_bar

Maps = Any
"""Logits (k h w) as the program that runs a network holds them: tensors of torch, or arrays of NumPy."""
TILE, OVERLAP = ONE_PIECE, 128
"""The longest side of a window, and what neighbours share (of small ones a quarter), where no numbers are given."""


@dataclass(frozen=True)
class Tiling:
    """How images of any size are cut into windows; one that fits into a single window stays in one piece.

    Raises UserError for windows that the network can't take.
    """

    stride: int = 1
    """Windows begin, and end, at multiples of it: the network's coarsest stride, so that its cells stay the same."""
    least: int = 1
    """The smallest side that the network takes, a multiple of `stride`. What is missing is reflected."""
    tile: int = TILE
    """The longest side of a window in pixels."""
    overlap: int = 0
    """Pixels that neighbours share: as many, or up to the next stride; those at the end of a side share more."""

    def __post_init__(self) -> None:
        if self.tile % self.stride or self.tile < self.least:
            below = self.tile // self.stride * self.stride
            fit = sorted({max(side, self.least) for side in (below, below + self.stride)})
            raise UserError(
                f"--tile {self.tile}: this network takes sides that are multiples of {self.stride} and at least "
                f"{self.least}; take {' or '.join(map(str, fit))}"
            )
        if not 0 <= self.overlap < self.tile:
            raise UserError(f"--overlap {self.overlap}: windows of {self.tile} pixels share 0 to {self.tile - 1}")

    @classmethod
    def of(cls, stride: int, least: int, *, tile: int | None = None, overlap: int | None = None) -> "Tiling":
        """Windows for a network of this stride and smallest side, of the usual numbers where none are given."""
        side = max(TILE, least) if tile is None else tile
        return cls(stride, least, side, min(OVERLAP, side // 4) if overlap is None else overlap)

    @classmethod
    def asked(cls, images: Input, stride: int, least: int, *, tile: int | None, overlap: int | None) -> "Tiling | None":
        """Windows for images at their own size, by --tile or after --fit crop; None where images are resized.

        Raises UserError for an `overlap` of no windows.
        """
        if tile is not None or images.fit == "crop":
            return cls.of(stride, least, tile=tile, overlap=overlap)
        if overlap is not None:
            side = images.image_size
            raise UserError(f"--overlap {overlap} needs --tile N: else images are resized to {side} x {side} pixels")
        return None

    def along(self, length: int) -> "Side":
        """How a side of so many pixels is cut: into as few windows as can be, and these as small as can be."""
        whole = max(self._up(length), self.least)
        shared = min(self._up(self.overlap), self.tile - self.stride)
        count = max(math.ceil((whole - shared) / (self.tile - shared)), 1)
        size = max(self._up((whole + (count - 1) * shared) / count), self.least)
        return Side(length, size, tuple(min(n * (size - shared), whole - size) for n in range(count)))

    def at_once(self, height: int, width: int, *, pixels: int) -> int:
        """The windows of an image that have so many pixels together; at least one."""
        return max(pixels // (self.along(height).size * self.along(width).size), 1)

    def _up(self, length: float) -> int:
        """The next multiple of the stride."""
        return math.ceil(length / self.stride) * self.stride

    def count(self, height: int, width: int) -> int:
        """The number of windows of an image."""
        return len(self.along(height).starts) * len(self.along(width).starts)


@dataclass(frozen=True)
class Side:
    """The windows along one side of an image."""

    length: int
    """Pixels of the image; windows may end up to a stride beyond it."""
    size: int
    """Pixels of a window."""
    starts: tuple[int, ...]
    """Where windows begin. The last is moved inwards, so that all are of one size."""

    @property
    def whole(self) -> int:
        """Where the last window ends."""
        return self.starts[-1] + self.size

    def spans(self) -> Iterator[tuple[int, int]]:
        """The pixels that need no later window, for each: up to where the next one begins."""
        return zip(self.starts, (*self.starts[1:], self.whole), strict=True)

    @cached_property
    def pixels(self) -> Int64[np.ndarray, " whole"]:
        """The pixel of the image that stands at each place; those beyond its end are reflected."""
        return np.pad(np.arange(self.length), (0, self.whole - self.length), mode="reflect")

    @cached_property
    def weights(self) -> Float32[np.ndarray, "starts size"]:
        """The share of each window in each of its pixels: all shares in a pixel are 1 together, and none is 0.

        Where two windows overlap, one fades out as the other fades in, by a raised cosine: a network knows least
        about what lies at the edge of its window.
        """
        ramps = np.ones((len(self.starts), self.size))
        for index, (one, other) in enumerate(pairwise(self.starts)):
            fade = _fade(self.size - (other - one))
            ramps[index + 1, : len(fade)] *= fade
            ramps[index, self.size - len(fade) :] *= fade[::-1]
        total = np.zeros(self.whole)
        for start, ramp in zip(self.starts, ramps, strict=True):
            total[start : start + self.size] += ramp
        shares = [ramp / total[start : start + self.size] for start, ramp in zip(self.starts, ramps, strict=True)]
        return np.stack(shares).astype(np.float32)


def _fade(length: int) -> Float64[np.ndarray, " length"]:
    return np.sin(np.pi / 2 * (np.arange(length) + 0.5) / max(length, 1)) ** 2


class Block(NamedTuple):
    """A rectangle of an image, with its final logits."""

    rows: slice
    columns: slice
    logits: Maps


def windows(
    image: UInt8[np.ndarray, "h w c"], down: Side, across: Side, *, batch_size: int
) -> Iterator[UInt8[np.ndarray, "n p q c"]]:
    """The windows of an image, row by row, so many at once."""
    corners = product(down.starts, across.starts)
    while batch := [_cut(image, down, across, *corner) for corner in islice(corners, batch_size)]:
        yield np.stack(batch)


def blend(
    parts: Iterator[Maps], down: Side, across: Side, *, like: Callable[[np.ndarray, Maps], Maps]
) -> Iterator[Block]:
    """The logits of an image from those of its windows (k p q), row by row: a block for each window.

    What one window alone covers has its logits; elsewhere they are means with the shares of `Side.weights`. `like`
    makes NumPy's numbers what those of a window are. Memory holds the logits of the rows that two rows of windows
    share.
    """
    above = None
    for row, (top, bottom) in enumerate(down.spans()):
        beside, shared = None, down.size - (top - down.starts[row - 1]) if row else 0
        for column, (left, right) in enumerate(across.spans()):
            part = next(parts)
            part = part * like(down.weights[row][:, None] * across.weights[column], part)
            if beside is not None:
                part[..., : beside.shape[2]] += beside
            part, beside = part[..., : right - left], part[..., right - left :]
            if above is None:
                above = like(np.zeros((len(part), _most_shared(down), across.whole), np.float32), part)
            part[:, :shared] += above[:, :shared, left:right]
            rest = part[:, bottom - top :]
            above[:, : rest.shape[1], left:right] = rest
            rows, columns = slice(top, min(bottom, down.length)), slice(left, min(right, across.length))
            yield Block(rows, columns, part[:, : rows.stop - top, : columns.stop - left])


def watched(blocks: Iterable[Block], count: int, *, bar: bool = True) -> Iterator[Block]:
    """The blocks of so many windows, under a bar where there are several."""
    with progress_bar("windows", count, shown=bar and count > 1) as done:
        for block in blocks:
            yield block
            done(1)


def _most_shared(side: Side) -> int:
    """Pixels that a window shares with the next one, at most."""
    return max((side.size - (end - start) for start, end in list(side.spans())[:-1]), default=0)


def _cut(
    image: UInt8[np.ndarray, "h w c"], down: Side, across: Side, top: int, left: int
) -> UInt8[np.ndarray, "p q c"]:
    bottom, right = top + down.size, left + across.size
    if bottom <= down.length and right <= across.length:
        return image[top:bottom, left:right]
    return image[np.ix_(down.pixels[top:bottom], across.pixels[left:right])]
