"""Large images, a few rows at a time."""

from collections.abc import Iterator

STRIP = 2**20
"""Pixels of a strip: what takes a hundred bytes for each takes 0.1 GB."""


def row_strips(height: int, width: int) -> Iterator[slice]:
    """Slices of rows that together are the whole image, each of at most `STRIP` pixels, or of one row."""
    step = max(1, STRIP // max(width, 1))
    return (slice(top, top + step) for top in range(0, height, step))
