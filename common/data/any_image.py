"""Images that programs hand over: arrays, pictures of Pillow, and paths of files."""

import io
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from common.data.decode import decode_image, read_image
from common.data.deep import FULL, Depth
from common.errors import UserError

AnyImage = np.ndarray | Image.Image | Path | str
"""An image as an array (h w 3, uint8; as many channels as the network takes), by Pillow, or as a file."""
PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
"""Modes of Pillow that a PNG file holds without loss."""


def to_pixels(image: AnyImage, channels: int, depth: Depth | None = None) -> UInt8[np.ndarray, "h w {channels}"]:
    """The pixels of an image, read as the commands read files: turned as EXIF says, palettes as their colours.

    With one channel a colour image becomes grey; with four it must have four, and is not turned. Of more than 8 bits
    the values of `depth` become 0 and 255, by default those of all 16 bits. Pillow and OpenCV may
    decode a JPEG differently by one grey value, so its path and its Pillow image may too.
    Raises UserError for an array of another type or shape, and for a file that can't be read.
    """
    if isinstance(image, Path | str):
        return read_image(Path(image), channels, depth=depth or FULL)
    if isinstance(image, Image.Image) and channels != 4:
        return _from_pillow(image, channels, depth)
    if not isinstance(image, np.ndarray | Image.Image):
        raise UserError(f"an image is an array, a PIL image or a path, not a {type(image).__name__}")
    return _checked(np.asarray(image), channels)


def _checked(array: np.ndarray, channels: int) -> UInt8[np.ndarray, "h w {channels}"]:
    pixels = array[..., None] if channels == 1 and array.ndim == 2 else array
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != channels or not pixels.size:
        raise UserError(
            f"the image has shape {array.shape} and type {array.dtype}; this network takes (height, width, "
            f"{channels}) and uint8, values 0 to 255"
        )
    return pixels


def _from_pillow(image: Image.Image, channels: int, depth: Depth | None) -> UInt8[np.ndarray, "h w {channels}"]:
    """By way of a PNG file in memory, so that palettes, grey values and 16 bits are read as those of files are."""
    if image.mode in ("I", "F"):
        raise UserError(f"a PIL image of mode {image.mode} has no fixed range: convert it to 8 bits (mode L or RGB)")
    upright = ImageOps.exif_transpose(image)
    file = io.BytesIO()
    (upright if upright.mode in PNG_MODES else upright.convert("RGB")).save(file, "PNG", compress_level=1)
    return decode_image(file.getvalue(), Path("a PIL image"), channels, depth=depth or FULL)
