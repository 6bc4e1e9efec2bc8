"""Images that are stored turned or mirrored, with an EXIF tag that says how to show them."""

import numpy as np
from jaxtyping import Shaped
from PIL import ExifTags, Image

from common.data.opened import REFUSED_BY_PILLOW, opened

PNG = b"\x89PNG"
WORDS_OF_PNG = (b"eXIf", b"Raw profile type", b"XML:com.adobe.xmp")
"""One of them is in a PNG file that has a tag."""
TURNS_SIDE = (5, 6, 7, 8)
"""EXIF orientations that swap width and height."""


def orientation(picture: Image.Image) -> int:
    """How a file that Pillow opened is to be turned: 1, as it is, to 8."""
    try:
        found = picture.getexif().get(ExifTags.Base.Orientation, 1)
    except (OSError, ValueError, SyntaxError, TypeError):  # a tag that is damaged says nothing
        return 1
    return found if isinstance(found, int) and found in range(1, 9) else 1


def stored_orientation(data: bytes) -> int:
    """How an image file is to be turned; 1 for a file that Pillow doesn't know."""
    if data.startswith(PNG) and not any(word in data for word in WORDS_OF_PNG):
        return 1  # Pillow would decode all pixels, to look for a tag behind them
    try:
        return orientation(opened(data))
    except REFUSED_BY_PILLOW:
        return 1


def turn(pixels: Shaped[np.ndarray, "h w *c"], orientation: int) -> Shaped[np.ndarray, "..."]:
    """Turn an array (height and width first) from how it is stored to how it is shown."""
    if orientation in TURNS_SIDE:
        pixels = pixels.swapaxes(0, 1)
    down, left = orientation in (3, 4, 7, 8), orientation in (2, 3, 6, 7)
    return pixels[:: -1 if down else 1, :: -1 if left else 1]
