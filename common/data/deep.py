"""Images of more than 8 bits a channel: 12-bit cameras in 16-bit files, microscopes, satellites, float images."""

import math
import re
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Shaped, UInt8

from common.data.opened import REFUSED_BY_PILLOW, BadFileError, opened, unreadable
from common.data.tiff import TIFF, Bands, bands_apart, bands_in
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
    if bands := bands_in(data):
        return bands.bits > 8 or bands.signed
    try:
        return opened(data).mode in DEEP_MODES
    except REFUSED_BY_PILLOW:
        return False


def read_deep(data: bytes, path: Path, page: int = 0, channels: int = 3) -> Shaped[np.ndarray, "h w c"]:
    """The values of a deep image, grey or RGB, turned as its EXIF tag says; transparency is dropped.

    A TIFF of 8 bits whose bands lie apart is read, too. With 4 `channels` the file must have four, which come in their
    order, not turned. NaN that a file calls its no-data value is below all values. Raises BadFileError naming the file
    if it can't be read, holds other values that are no numbers, or bands of which none is told to be a colour.
    """
    bands = bands_in(data, page)
    if bands and bands.unnamed and bands.number not in (3, channels):
        raise _some_bands(path, bands)
    image = decoded(data, page, bands, channels)
    if image is None and bands and bands.number > 4:
        raise unreadable(path, f"it holds {bands.number} bands: save three as RGB, or four as RGBA for --channels 4")
    if image is None:
        raise unreadable(path, "it cannot be decoded, or has no such page")
    image = image.reshape(*image.shape[:2], -1)
    if bands and bands.unnamed and image.shape[2] < bands.number:
        raise _some_bands(path, bands)
    if bands and image.dtype.itemsize * 8 < bands.bits:  # OpenCV: of grey with transparency
        raise unreadable(path, f"of its {bands.bits} bits {image.dtype.itemsize * 8} would be left: save it as RGB")
    image = _in_order(image, data, path, channels)
    if image.dtype.kind != "f" or np.isfinite(image).all():
        return image
    if bands is None or bands.no_data is None or not math.isnan(bands.no_data) or np.isinf(image).any():
        raise unreadable(path, "it holds values that are no numbers")
    return np.where(np.isnan(image), -np.inf, image)


def range_of(image: Shaped[np.ndarray, "h w c"], no_data: float | None = None) -> Depth | None:
    """The lowest and the highest value of an image, but for single pixels, and for channels of one value (no alpha).

    None where there is nothing but `no_data`.
    """
    strips = ((image[rows] != image[:1, :1]).any(axis=(0, 1)) for rows in row_strips(*image.shape[:2]))
    differs = np.any([*strips], axis=0)
    values = (image[..., differs] if differs.any() and not differs.all() else image).flat
    some = values[:: max(1, len(values) // MOST)]
    measured = some if no_data is None else some[(some != no_data) & np.isfinite(some)]
    if not measured.size:
        return None
    low, high = np.percentile(measured, TAILS)
    return float(low), float(high)


def scaled(image: Shaped[np.ndarray, "h w c"], depth: Depth) -> UInt8[np.ndarray, "h w c"]:
    """The image in 8 bits, its values between the ends of a range spread evenly over 0 to 255."""
    low, high = depth
    found = np.empty(image.shape, np.uint8)
    for rows in row_strips(*image.shape[:2]):
        share = (image[rows].astype(np.float32) - low) / max(high - low, np.finfo(np.float32).tiny)
        found[rows] = np.rint(255 * np.clip(share, 0, 1))
    return found


def _some_bands(path: Path, bands: Bands) -> BadFileError:
    return BadFileError(
        f"the image file {path} holds {bands.number} bands, of which one would be read: save them as RGB, "
        "or four as RGBA for --channels 4"
    )


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


def decoded(data: bytes, page: int, bands: Bands | None, channels: int = 3) -> np.ndarray | None:
    """One page as OpenCV has it, blue first, with its own values; None for what it can't read.

    Asked for RGB, OpenCV 5.0 gives 16-bit TIFF files other values.
    """
    if bands and bands.apart and bands.number > 1:
        wanted = min(bands.number, 4 if channels == 4 else 3) if bands.number > 2 else 1
        planes = [decoded(plane, 0, None, channels) for plane in bands_apart(data, page, wanted)]
        read = [plane.reshape(plane.shape[:2]) for plane in planes if plane is not None]
        return np.stack([*read[2::-1], *read[3:]], axis=-1) if len(read) == wanted else None
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
            return turn(np.asarray(header), orientation(header)) if header.mode in (*DEEP_MODES, "L") else None
        as_it_is = channels == 4 or header.format == "TIFF"  # OpenCV turns TIFF files
        return image if as_it_is else turn(image, stored_orientation(data))
    except REFUSED_BY_PILLOW:
        return image
