"""Images inside a page, compressed and limited in size."""

import base64
import io

import cv2
import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image

SIDE = 256
"""Pixels that the longer side of a picture on a page has at most."""
SMOOTH, EXACT = cv2.INTER_AREA, cv2.INTER_NEAREST_EXACT


def photograph(picture: UInt8[np.ndarray, "h w 3"], *, side: int = SIDE, quality: int = 82) -> str:
    """A picture as the data URI of a WebP file; what is larger than `side` is made smaller."""
    return _webp(fitted(picture, side, SMOOTH), quality)


def drawing(
    colours: UInt8[np.ndarray, "h w 3"], *, clear: Bool[np.ndarray, "h w"] | None = None, side: int = SIDE
) -> str:
    """A picture of few colours as the data URI of a PNG file, exact, and transparent where it is `clear`."""
    pixels = np.dstack([colours, np.full(colours.shape[:2], 255, dtype=np.uint8)])
    if clear is not None:
        pixels[clear] = 0
    pixels = fitted(pixels, side, EXACT)
    palette, place = np.unique(pixels.view(np.uint32)[..., 0], return_inverse=True)
    if len(palette) > 256:
        return _png(Image.fromarray(pixels))
    picture = Image.fromarray(place.astype(np.uint8))
    picture.putpalette(palette.tobytes(), "RGBA")
    return _png(picture)


def class_map(mask: UInt8[np.ndarray, "h w"], *, side: int = SIDE) -> str:
    """Class numbers as the grey values of a PNG file, for a script to read."""
    return _png(Image.fromarray(fitted(mask, side, EXACT)))


def fitted(picture: UInt8[np.ndarray, "h w ..."], side: int, how: int) -> UInt8[np.ndarray, "p q ..."]:
    """The picture, made smaller if its longer side has more than `side` pixels."""
    factor = side / max(picture.shape[:2])
    if factor >= 1:
        return np.ascontiguousarray(picture)
    height, width = (max(1, round(length * factor)) for length in picture.shape[:2])
    return cv2.resize(picture, (width, height), interpolation=how)


def sheet(pictures: UInt8[np.ndarray, "n h w 3"], *, side: int, columns: int, largest: int = 2_000_000) -> str:
    """Many small pictures on one, row by row, as a data URI of at most about `largest` characters.

    The quality falls until it fits.
    """
    small = [cv2.resize(one, (side, side), interpolation=SMOOTH) for one in pictures]
    rows = -(-len(small) // columns)
    whole = np.zeros((rows * side, columns * side, 3), dtype=np.uint8)
    for index, one in enumerate(small):
        top, left = index // columns * side, index % columns * side
        whole[top : top + side, left : left + side] = one
    found = ""
    for quality in (78, 60, 40, 20):
        found = _webp(whole, quality)
        if len(found) <= largest:
            break
    return found


def three_channels(image: UInt8[np.ndarray, "h w c"]) -> UInt8[np.ndarray, "h w 3"]:
    """The image in colours: grey three times, of more than three channels the first three."""
    return np.ascontiguousarray(np.broadcast_to(image[..., :3], (*image.shape[:2], 3)))


def _webp(picture: UInt8[np.ndarray, "h w 3"], quality: int) -> str:
    return _uri(Image.fromarray(picture), "webp", quality=quality, method=2)  # 4, the usual: 4 % smaller, half as fast


def _png(picture: Image.Image) -> str:
    return _uri(picture, "png")


def _uri(picture: Image.Image, kind: str, **settings: int) -> str:
    file = io.BytesIO()
    picture.save(file, kind, **settings)
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"
