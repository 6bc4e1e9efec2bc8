"""Files of several pictures: stacks of pages (TIFF), animations (GIF, WebP, APNG)."""

from typing import Any, Literal

from common.data.lost import JPEG
from common.data.opened import REFUSED_BY_PILLOW, opened

Pages = Literal["refuse", "first", "all"]
"""What becomes of a file of several pictures: it is refused, its first is taken, or each is an image."""
KIND_OF_PAGE, SMALLER = 254, 1
"""TIFF's tag NewSubfileType, and its bit for a smaller copy of another page."""


def pages_of(data: bytes) -> list[int]:
    """The numbers, from 0, of the pictures in an image file.

    Smaller copies of a page (TIFF), and second views of a photograph (JPEG), are none.
    """
    if data.startswith(JPEG):
        return [0]
    try:
        header: Any = opened(data)
        frames = range(getattr(header, "n_frames", 1))
        return [frame for frame in frames if header.format != "TIFF" or not _is_smaller(header, frame)]
    except REFUSED_BY_PILLOW:
        return [0]


def _is_smaller(header: Any, page: int) -> bool:
    header.seek(page)
    return bool(page and header.tag_v2.get(KIND_OF_PAGE, 0) & SMALLER)
