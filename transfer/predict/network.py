"""What segments images: the one thing that this command asks of a network, whatever runs it. Imports no torch."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, UInt8

from common.run.input import Input


class Piece(NamedTuple):
    """A rectangle of an image, segmented. The pieces of an image are together the whole, and none overlap."""

    rows: slice
    columns: slice
    mask: UInt8[np.ndarray, "h w"]
    """The likeliest class of each pixel."""
    probabilities: Float32[np.ndarray, "k h w"] | None
    """Of each class; None unless they were asked for."""
    uncertainty: Float32[np.ndarray, "h w"] | None
    """How much networks, or views of the image, disagree, in [0, 1]; None where there is one of them."""


@runtime_checkable
class Network(Protocol):
    """A trained network, or several that are averaged, with its classes and what images it takes."""

    @property
    def names(self) -> tuple[str, ...]:
        """The classes."""
        ...

    @property
    def background(self) -> int | None:
        """The class that is no object; None where every class is one."""
        ...

    @property
    def input(self) -> Input:
        """The images that it was trained on: channels, the depth of deep ones, and how they become squares."""
        ...

    @property
    def own_size(self) -> bool:
        """Whether it sees images at their own size, by windows: then `segment_whole` is called, else `segment`."""
        ...

    def segment(
        self, images: UInt8[np.ndarray, "n p q c"], sizes: Sequence[tuple[int, int]], *, probabilities: bool
    ) -> Iterator[Iterable[Piece]]:
        """Segment images that `input.fitting` made of larger ones, and give the pieces of each at its (height, width).

        The pieces of an image are taken before the next image is.
        """
        ...

    def segment_whole(
        self, image: UInt8[np.ndarray, "h w c"], *, batch_size: int, probabilities: bool
    ) -> Iterator[Piece]:
        """Segment an image at its own size; at once as many pixels as `batch_size` images of the usual size have."""
        ...


@dataclass(frozen=True)
class Plan:
    """The files of one or more networks, and how they segment."""

    files: tuple[Path, ...]
    device: str = "auto"
    tile: int | None = None
    overlap: int | None = None
    tta: str = "none"
    """The mirrored views that are averaged, as --tta names them."""

    @property
    def several(self) -> bool:
        """Whether networks, or views of an image, are averaged."""
        return len(self.files) > 1 or self.tta != "none"
