"""From an image or mask file to an array, with every damaged file refused."""

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from common.data.deep import FULL, Depth, is_deep, read_deep, scaled
from common.data.fitting import Box, Fitting
from common.data.lost import JPEG, lost_in
from common.data.masks.labels import Labels, read_labels
from common.data.masks.mask import Frame
from common.data.opened import (
    REFUSED_BY_PILLOW,
    BadFileError,
    open_with_pillow,
    pixels_in,
    read_bytes,
    refuse_large,
    refuse_pixels,
    size_in,
)
from common.data.samples import Sample
from common.data.tiff import bands_in
from common.data.turned import TURNS_SIDE, stored_orientation
from common.errors import UserError

COMPLETE = (  # how a JPEG, PNG or GIF starts and ends
    (b"\xff\xd8", b"\xff\xd9"),
    (b"\x89PNG", b"IEND\xaeB`\x82"),
    (b"GIF8", b"\x00;"),
)
BY_PILLOW = ("AVIF", "HEIF", "JPEG2000")
"""Types of which OpenCV heeds no EXIF tag, or that it does not know."""
LARGE = 2**24
"""Pixels from which on memory counts: what OpenCV decodes from memory is there twice, since it is copied to Python."""
READ_AS = {1: cv2.IMREAD_GRAYSCALE, 3: cv2.IMREAD_COLOR_RGB}


def read_image(
    path: Path, channels: int = 3, *, depth: Depth = FULL, page: int = 0
) -> UInt8[np.ndarray, "h w {channels}"]:
    """Read a photograph as RGB, 8 bits a channel, turned the way its EXIF tag says.

    With 1 channel it is read as grey values; with 4 the file must have four, which come in their order (RGBA), not
    turned. Of more than 8 bits the values of `depth` become 0 and 255. Of a file of several pictures `page` is read.
    What the file holds counts, not its suffix. Transparency is dropped. Raises BadFileError naming the file if it
    cannot be read or ends too early.
    """
    return decode_image(read_bytes(path), path, channels, depth=depth, page=page)


def decode_image(
    data: bytes, path: Path, channels: int = 3, *, depth: Depth = FULL, page: int = 0
) -> UInt8[np.ndarray, "h w {channels}"]:
    """Decode the content of an image file as `read_image` does; `path` names it in errors."""
    refuse_large(data, path)
    bands, deep = bands_in(data, page), is_deep(data)
    if deep or (bands and bands.misread_by_pillow(channels)):
        values = read_deep(data, path, page, channels)
        return _with_channels(scaled(values, depth) if deep else values, channels)
    if channels == 4:
        return _four_channels(open_with_pillow(data, path, page), path)
    if page or (bands and bands.multiplied_by_opencv):
        return _by_pillow(open_with_pillow(data, path, page), channels)
    if not any(data.startswith(start) and data.endswith(end) for start, end in COMPLETE):
        picture = open_with_pillow(data, path)  # OpenCV may fill the missing end of a truncated file with grey
        if picture.format in BY_PILLOW:
            return _by_pillow(picture, channels)
        del picture  # a large image is in memory once
    image = _by_opencv(data, path, channels)
    if image is None:  # a type that Pillow alone knows
        return _by_pillow(open_with_pillow(data, path), channels)
    return np.asarray(image, dtype=np.uint8).reshape(*image.shape[:2], channels)


def _by_opencv(data: bytes, path: Path, channels: int) -> np.ndarray | None:
    """None for a file that OpenCV can't read. A large one is read by its name, if it has one that OpenCV can take."""
    try:
        if pixels_in(data) > LARGE and str(path).isprintable() and path.is_file():
            return cv2.imread(str(path), dst=None, flags=READ_AS[channels])
        return cv2.imdecode(np.frombuffer(data, dtype=np.uint8), READ_AS[channels])
    except cv2.error:
        return None


def _by_pillow(picture: Image.Image, channels: int) -> UInt8[np.ndarray, "h w {channels}"]:
    picture = picture.getchannel(0) if picture.mode == "La" else picture  # which Pillow does not convert
    image = np.asarray(ImageOps.exif_transpose(picture).convert("L" if channels == 1 else "RGB"))
    return image.reshape(*image.shape[:2], channels)


def _with_channels(image: UInt8[np.ndarray, "h w c"], channels: int) -> UInt8[np.ndarray, "h w {channels}"]:
    """A grey image as RGB, or the other way round."""
    if image.shape[2] == channels:
        return image
    if channels == 3:
        return np.repeat(image, 3, axis=2)
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY))[..., None]


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

    image: UInt8[np.ndarray, "h w c"]
    mask: UInt8[np.ndarray, "h w"] | None
    box: Box
    """Where the image lies; the rest is padding."""
    values: tuple[int, ...]
    lost: frozenset[str]
    """The kinds of what was lost in reading, of `common.data.lost`."""


def decode_sample(sample: Sample, fitting: Fitting, channels: int = 3) -> Decoded:
    """Read one image and its mask as classes, as a network takes them.

    Raises BadFileError for a damaged file or a mask of another size than its image, and UserError for a
    mask value that the classes do not know.
    """
    data = read_bytes(sample.image)
    image, lost = image_of(sample, data, channels), frozenset(lost_in(data, channels))
    box = fitting.box(*image.shape[:2])
    refuse_enlarged(sample.image, image, fitting)
    if sample.mask is None:
        return Decoded(fitting.image(image), None, box, (), lost)
    labels = labels_of(sample, data, image)
    mask = fitting.mask(labels.classes)
    return Decoded(fitting.image(image), mask, box, labels.values, lost | labels.lost)


def refuse_enlarged(path: Path, image: UInt8[np.ndarray, "h w c"], fitting: Fitting) -> None:
    """Raise BadFileError for an image that --scale_to would give more pixels than are read."""
    if fitting.scale_to is not None:
        pixels = fitting.box(*image.shape[:2]).pixels
        refuse_pixels(pixels, path, whose=f"with --scale_to {fitting.scale_to} its")


def image_of(sample: Sample, data: bytes, channels: int = 3) -> UInt8[np.ndarray, "h w {channels}"]:
    """Decode the image of a sample from the bytes of its file. Raises BadFileError also for one that is refused."""
    if sample.reading.refused:
        raise BadFileError(sample.reading.refused)
    page, depth, *_ = sample.reading
    return decode_image(data, sample.image, channels, depth=depth or FULL, page=page or 0)


def size_of(sample: Sample, data: bytes, channels: int = 3) -> tuple[int, int]:
    """Height and width of `image_of`, by the header of a plain file; raises as it does for one that is no image."""
    page, depth, *_ = sample.reading
    if not page and depth is None and channels != 4 and not sample.reading.refused:
        with suppress(*REFUSED_BY_PILLOW):
            turned, jpeg = stored_orientation(data) in TURNS_SIDE, data.startswith(JPEG)
            if jpeg or not turned:  # of a turned TIFF Pillow tells the size as it is shown, of others not
                height, width = size_in(data)
                return (width, height) if turned else (height, width)
    height, width, _ = image_of(sample, data, channels).shape
    return height, width


def frame_of(sample: Sample, data: bytes, image: UInt8[np.ndarray, "h w c"]) -> Frame:
    """What the mask of a sample has to fit: the image, which was decoded from the bytes of its file."""
    turned = 1 if image.shape[2] == 4 else stored_orientation(data)  # those of four channels are not turned
    return Frame(sample.image, *image.shape[:2], turned=turned, page=sample.reading.mask_page)


def labels_of(sample: Sample, data: bytes, image: UInt8[np.ndarray, "h w c"]) -> Labels:
    """Read the mask of a sample that has one, as classes at the size of its image; raises as `decode_sample`."""
    assert sample.mask is not None, "it has none"
    return read_labels(sample.mask, sample.values, frame_of(sample, data, image))


def try_decode(sample: Sample, fitting: Fitting, channels: int = 3) -> Decoded | BadFileError:
    """`decode_sample`, with a bad file as a result."""
    try:
        return decode_sample(sample, fitting, channels)
    except BadFileError as error:
        return error


def refuse(reason: str) -> UserError:
    """The error for a bad file that is not to be left out."""
    return UserError(f"{reason}; replace the file, or leave such files out with --skip_bad_files")
