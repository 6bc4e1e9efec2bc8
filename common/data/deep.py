"""Images of more than 8 bits a channel: 12-bit cameras in 16-bit files, microscopes, satellites, float images."""

import io
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Shaped, UInt8
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from common.data.opened import REFUSED_BY_PILLOW, BadFileError, opened, unreadable
from common.data.turned import orientation, stored_orientation, turn
from common.strips import row_strips
from common.words import counted

Depth = tuple[float, float]
"""The value of a deep image that becomes 0, and the one that becomes 255; what lies beyond is cut off."""

FULL: Depth = (0, 2**16 - 1)
"""All values of 16 bits."""
TAILS = (0.1, 99.9)
"""Percentiles that are the ends of an image's range: single hot pixels do not darken all others."""
MOST = 2**20
"""Values by which percentiles are found."""
BITS_OF_TIFF, BANDS_OF_TIFF = 258, 277
TIFF = (b"II*\0", b"MM\0*")
DEEP_MODES = ("I", "F", "I;16", "I;16L", "I;16B")
"""Modes of Pillow with more than 8 bits a channel."""


def is_deep(data: bytes) -> bool:
    """Whether the content of an image file has more than 8 bits a channel."""
    if data.startswith(b"\x89PNG"):
        return data[24:25] == b"\x10"
    if data.startswith((b"P5", b"P6")):
        words = re.sub(rb"#[^\n]*", b"", data[:2000]).split(maxsplit=4)
        return len(words) > 3 and words[3].isdigit() and int(words[3]) > 255
    if data.startswith((b"\xff\xd8", b"GIF8", b"RIFF", b"BM")):
        return False
    try:
        header: Any = opened(data)
    except REFUSED_BY_PILLOW:  # OpenCV reads some TIFF files that Pillow doesn't, of several channels of 32 bits
        return data.startswith(TIFF)
    bits = header.tag_v2.get(BITS_OF_TIFF, (8,)) if header.format == "TIFF" else (8,)
    return header.mode in DEEP_MODES or max(bits) > 8


def read_deep(data: bytes, path: Path, page: int = 0, channels: int = 3) -> Shaped[np.ndarray, "h w c"]:
    """The values of a deep image, grey or RGB, turned as its EXIF tag says; transparency is dropped.

    With 4 `channels` the file must have four, which come in their order, not turned. Raises BadFileError naming the
    file if it can't be read, or holds values that are no numbers.
    """
    image = _decoded(data, page, turned=channels != 4)
    if image is None:
        raise unreadable(path, "it cannot be decoded, or has no such page")
    image = image.reshape(*image.shape[:2], -1)
    if data.startswith(TIFF) and image.shape[2] == 1 < (bands := _bands(data)) != 2:  # 2: grey, and its transparency
        raise BadFileError(
            f"the image file {path} holds {bands} bands, of which one would be read: save them as RGB, "
            "or four as RGBA for --channels 4"
        )
    image = _in_order(image, data, path, channels)
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        raise unreadable(path, "it holds values that are no numbers")
    return image


def range_of(image: Shaped[np.ndarray, "h w c"]) -> Depth:
    """The lowest and the highest value of an image, but for single pixels, and for channels of one value (no alpha)."""
    strips = ((image[rows] != image[:1, :1]).any(axis=(0, 1)) for rows in row_strips(*image.shape[:2]))
    differs = np.any([*strips], axis=0)
    values = (image[..., differs] if differs.any() and not differs.all() else image).flat
    low, high = np.percentile(values[:: max(1, len(values) // MOST)], TAILS)
    return float(low), float(high)


def scaled(image: Shaped[np.ndarray, "h w c"], depth: Depth) -> UInt8[np.ndarray, "h w c"]:
    """The image in 8 bits, its values between the ends of a range spread evenly over 0 to 255."""
    low, high = depth
    found = np.empty(image.shape, np.uint8)
    for rows in row_strips(*image.shape[:2]):
        share = (image[rows].astype(np.float32) - low) / max(high - low, np.finfo(np.float32).tiny)
        found[rows] = np.rint(255 * np.clip(share, 0, 1))
    return found


def _bands(data: bytes) -> int:
    """How many values a pixel of a TIFF file has, also where Pillow does not know its kind."""
    stream, directory = io.BytesIO(data), ImageFileDirectory_v2(data[:8])
    try:
        stream.seek(directory.next)
        directory.load(stream)
        return int(directory.get(BANDS_OF_TIFF, 1))
    except (*REFUSED_BY_PILLOW, TypeError, LookupError):
        return 1


def _in_order(
    image: Shaped[np.ndarray, "h w c"], data: bytes, path: Path, channels: int
) -> Shaped[np.ndarray, "h w _"]:
    """Channels in the file's order, of which OpenCV has blue first and the fourth last; a fourth is kept if wanted."""
    if channels != 4:
        return image[..., 2::-1] if image.shape[2] > 2 else image[..., :1]
    if image.shape[2] != 4:
        raise BadFileError(f"the image file {path} has {counted(image.shape[2], 'channel')}, not 4 (--channels)")
    if data.startswith(TIFF) and stored_orientation(data) != 1:
        raise BadFileError(f"{path} has four channels and a tag that turns it: save it upright, without the tag")
    return image[..., [2, 1, 0, 3]]


def _decoded(data: bytes, page: int, *, turned: bool = True) -> np.ndarray | None:
    """One page, unchanged: asked for RGB, OpenCV 5.0 gives 16-bit TIFF files other values."""
    buffer = np.frombuffer(data, dtype=np.uint8)
    try:
        _, pages = cv2.imdecodemulti(buffer, cv2.IMREAD_UNCHANGED, range=(page, page + 1)) if page else (True, ())
        image = pages[0] if pages else None if page else cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        image = None
    try:
        header = opened(data)
        if image is None:
            header.seek(page)
            return turn(np.asarray(header), orientation(header)) if header.mode in DEEP_MODES else None
        as_it_is = not turned or header.format == "TIFF"  # OpenCV turns TIFF files
        return image if as_it_is else turn(image, stored_orientation(data))
    except REFUSED_BY_PILLOW:
        return image
