"""From an image or mask file to an array, with every damaged file refused."""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from common.data.lost import lost_in
from common.data.masks.labels import read_labels
from common.data.masks.mask import Frame
from common.data.opened import (
    REFUSED_BY_PILLOW,
    BadFileError,
    open_with_pillow,
    opened,
    read_bytes,
    refuse_large,
    unreadable,
)
from common.data.samples import Sample
from common.data.turned import orientation
from common.errors import UserError

COMPLETE = (  # how a JPEG, PNG or GIF starts and ends
    (b"\xff\xd8", b"\xff\xd9"),
    (b"\x89PNG", b"IEND\xaeB`\x82"),
    (b"GIF8", b"\x00;"),
)
READ_AS = {1: cv2.IMREAD_GRAYSCALE, 3: cv2.IMREAD_COLOR_RGB}


def read_image(path: Path, channels: int = 3) -> UInt8[np.ndarray, "h w {channels}"]:
    """Read a photograph as RGB, 8 bits a channel, turned the way its EXIF tag says.

    With 1 channel it is read as grey values; with 4 the file must have four, which come in their order (RGBA), not
    turned. What the file holds counts, not its suffix. Transparency is dropped. Raises BadFileError naming the
    file if it cannot be read or ends too early.
    """
    return decode_image(read_bytes(path), path, channels)


def decode_image(data: bytes, path: Path, channels: int = 3) -> UInt8[np.ndarray, "h w {channels}"]:
    """Decode the content of an image file as `read_image` does; `path` names it in errors."""
    refuse_large(data, path)
    if channels == 4:
        return _four_channels(open_with_pillow(data, path), path)
    if not any(data.startswith(start) and data.endswith(end) for start, end in COMPLETE):
        open_with_pillow(data, path)  # OpenCV may fill the missing end of a truncated file with grey
    try:
        image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), READ_AS[channels])
    except cv2.error:
        image = None
    if image is None:
        raise unreadable(path, "OpenCV cannot decode it")
    return np.asarray(image, dtype=np.uint8).reshape(*image.shape[:2], channels)


def resize_image(image: UInt8[np.ndarray, "h w c"], size: int) -> UInt8[np.ndarray, "{size} {size} c"]:
    """Resize an image to size x size: averages along a shrinking side, linear along a growing one."""
    height, width = image.shape[:2]
    shrunk = cv2.resize(image, (min(width, size), min(height, size)), interpolation=cv2.INTER_AREA)
    resized = cv2.resize(shrunk, (size, size), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, dtype=np.uint8).reshape(size, size, image.shape[2])


def resize_mask(mask: UInt8[np.ndarray, "h w"], size: int) -> UInt8[np.ndarray, "{size} {size}"]:
    """Resize a mask to size x size, each pixel taking the value nearest to its centre."""
    return np.asarray(cv2.resize(mask, (size, size), interpolation=cv2.INTER_NEAREST_EXACT), dtype=np.uint8)


def _four_channels(picture: Image.Image, path: Path) -> UInt8[np.ndarray, "h w 4"]:
    """Read by Pillow, since OpenCV multiplies the colours of some files by their transparency."""
    image = np.asarray(picture)
    channels = image.shape[2] if image.ndim == 3 else 1
    if channels != 4 or image.dtype != np.uint8:
        raise BadFileError(
            f"the image file {path} has {channels} channels of {image.dtype}, not 4 of uint8 (--channels)"
        )
    return image


class Decoded(NamedTuple):
    """A sample at its final size, and the values that its mask file held."""

    image: UInt8[np.ndarray, "size size c"]
    mask: UInt8[np.ndarray, "size size"] | None
    values: tuple[int, ...]
    lost: frozenset[str]
    """The kinds of what was lost in reading, of `common.data.lost`."""


def decode_sample(sample: Sample, size: int, channels: int = 3) -> Decoded:
    """Read one image and its mask as classes, at size x size.

    Raises BadFileError for a damaged file or a mask of another size than its image, and UserError for a
    mask value that the classes do not know.
    """
    data = read_bytes(sample.image)
    image, lost = decode_image(data, sample.image, channels), frozenset(lost_in(data))
    if sample.mask is None:
        return Decoded(resize_image(image, size), None, (), lost)
    labels = read_labels(sample.mask, sample.values, frame_of(data, sample.image, image))
    return Decoded(resize_image(image, size), resize_mask(labels.classes, size), labels.values, lost | labels.lost)


def frame_of(data: bytes, path: Path, image: UInt8[np.ndarray, "h w c"]) -> Frame:
    """What a mask has to fit: an image that was decoded from the bytes of a file."""
    try:
        turned = 1 if image.shape[2] == 4 else orientation(opened(data))  # those of four channels are not turned
    except REFUSED_BY_PILLOW:  # read by OpenCV, and not by Pillow
        turned = 1
    return Frame(path, *image.shape[:2], turned=turned)


def try_decode(sample: Sample, size: int, channels: int = 3) -> Decoded | BadFileError:
    """`decode_sample`, with a bad file as a result."""
    try:
        return decode_sample(sample, size, channels)
    except BadFileError as error:
        return error


def refuse(reason: str) -> UserError:
    """The error for a bad file that is not to be left out."""
    return UserError(f"{reason}; replace the file, or leave such files out with --skip_bad_files")
