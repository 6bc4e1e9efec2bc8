"""Images of different sizes in one array."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Int, Int64, UInt8


class Ragged:
    """Images, or masks, of different heights and widths; their pixels lie in one array, one image after the other."""

    def __init__(
        self,
        pixels: UInt8[np.ndarray, "p *c"],
        shapes: Int64[np.ndarray, "n 2"],
        *,
        size: int,
        starts: Int64[np.ndarray, " n"] | None = None,
    ) -> None:
        """`size`: the side of the crops that a network is trained on."""
        self.pixels = np.asarray(pixels)  # views of a memory map cost more than those of its array
        self.shapes, self.size = shapes, size
        self.starts = np.cumsum(shapes.prod(1)) - shapes.prod(1) if starts is None else starts

    def __len__(self) -> int:
        return len(self.shapes)

    def __getitem__(self, index: int) -> UInt8[np.ndarray, "h w *c"]:
        """A view of an image."""
        (height, width), start = self.shapes[index].tolist(), int(self.starts[index])
        return self.pixels[start : start + height * width].reshape(height, width, *self.pixels.shape[1:])

    def __iter__(self) -> Iterator[UInt8[np.ndarray, "h w *c"]]:
        return (self[index] for index in range(len(self)))

    def take(self, indices: Int[np.ndarray, " m"] | Sequence[int]) -> "Ragged":
        """The images at these positions, in this order; no pixel is copied."""
        return Ragged(self.pixels, self.shapes[indices], size=self.size, starts=self.starts[indices])


def of_one_size(images: UInt8[np.ndarray, "n h w *c"] | Ragged | None) -> UInt8[np.ndarray, "n h w *c"]:
    """Images, or masks, that have one size, for those who made them so."""
    assert isinstance(images, np.ndarray), "they have different sizes, or there are none"
    return images
