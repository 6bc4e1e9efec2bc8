"""Large images, a few rows at a time."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float32, Int64

STRIP = 2**20
"""Pixels of a strip: what takes a hundred bytes for each takes 0.1 GB."""


def row_strips(height: int, width: int) -> Iterator[slice]:
    """Slices of rows that together are the whole image, each of at most `STRIP` pixels, or of one row."""
    step = max(1, STRIP // max(width, 1))
    return (slice(top, top + step) for top in range(0, height, step))


def source_rows(height: int, tall: int) -> tuple[Int64[np.ndarray, " {tall}"], Float32[np.ndarray, " {tall}"]]:
    """Of each of `tall` rows the one of `height` above it, and how far it is from there to the next.

    Source: `torch.nn.functional.interpolate` (bilinear, align_corners=False).
    """
    places = np.maximum((2 * np.arange(tall) + 1) * height - tall, 0) / (2 * tall)
    above = np.minimum(places.astype(np.int64), height - 1)
    return above, (places - above).astype(np.float32)
