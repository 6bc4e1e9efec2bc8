"""Files of several pictures: stacks of pages (TIFF), animations (GIF, WebP, APNG)."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8

from common.data.lost import JPEG
from common.data.opened import REFUSED_BY_PILLOW, opened, unreadable

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


def read_page(data: bytes, path: Path, page: int, channels: int) -> UInt8[np.ndarray, "h w {channels}"]:
    """One of the pictures of a file, 8 bits a channel. Raises BadFileError naming the file if it can't be read."""
    try:
        picture = opened(data)
        picture.seek(page)
        image = np.asarray(picture.convert("L" if channels == 1 else "RGB"))
    except REFUSED_BY_PILLOW as error:
        raise unreadable(path, f"page {page + 1}: {error}") from error
    return image.reshape(*image.shape[:2], channels)


def _is_smaller(header: Any, page: int) -> bool:
    header.seek(page)
    return bool(page and header.tag_v2.get(KIND_OF_PAGE, 0) & SMALLER)
