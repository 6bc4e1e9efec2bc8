"""From an image or mask file to an array, with every damaged file refused."""

import io
import math
import re
import warnings
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import simplejpeg
from jaxtyping import Shaped, UInt8
from PIL import Image, UnidentifiedImageError

from common.data.classes import UNKNOWN, lookup_table
from common.data.lost import JPEG, lost_in
from common.data.samples import Sample
from common.errors import UserError, abbreviate

COMPLETE = (  # how a JPEG, PNG or GIF starts and ends
    (b"\xff\xd8", b"\xff\xd9"),
    (b"\x89PNG", b"IEND\xaeB`\x82"),
    (b"GIF8", b"\x00;"),
)
REFUSED_BY_PILLOW = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    UnidentifiedImageError,
    Image.DecompressionBombError,
)


warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # one limit, and a sentence beyond it
READ_AS = {1: cv2.IMREAD_GRAYSCALE, 3: cv2.IMREAD_COLOR_RGB}


class BadFileError(UserError):
    """A single file is damaged or does not fit its partner; --skip_bad_files leaves such files out."""


def read_image(path: Path, channels: int = 3) -> UInt8[np.ndarray, "h w {channels}"]:
    """Read a photograph as RGB, 8 bits a channel, turned the way its EXIF tag says.

    With 1 channel it is read as grey values; with 4 the file must have four, which come in their order (RGBA), not
    turned. What the file holds counts, not its suffix. Transparency is dropped. Raises BadFileError naming the
    file if it cannot be read or ends too early.
    """
    return decode_image(read_bytes(path), path, channels)


def decode_image(data: bytes, path: Path, channels: int = 3) -> UInt8[np.ndarray, "h w {channels}"]:
    """Decode the content of an image file as `read_image` does; `path` names it in errors."""
    _refuse_large(data, path)
    if channels == 4:
        return _four_channels(_open_with_pillow(data, path), path)
    if not any(data.startswith(start) and data.endswith(end) for start, end in COMPLETE):
        _open_with_pillow(data, path)  # OpenCV may fill the missing end of a truncated file with grey
    try:
        image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), READ_AS[channels])
    except cv2.error:
        image = None
    if image is None:
        raise _unreadable(path, "OpenCV cannot decode it")
    return np.asarray(image, dtype=np.uint8).reshape(*image.shape[:2], channels)


def read_mask(path: Path) -> UInt8[np.ndarray, "h w"]:
    """Read a mask with the values that its file holds: grey values, or palette indices (never colours).

    A mask of three equal channels counts as grey. Raises BadFileError naming the file if it cannot be read
    or ends too early, and UserError if it is coloured or holds values that do not fit into 8 bits.
    """
    return _decode_mask(read_bytes(path), path)


def _decode_mask(data: bytes, path: Path) -> UInt8[np.ndarray, "h w"]:
    _refuse_large(data, path)
    mask = np.asarray(_open_with_pillow(data, path))
    if mask.ndim == 3:
        mask = _single_channel(mask, path)
    if mask.min() < 0 or mask.max() > 255 or (mask % 1).any():
        raise UserError(
            f"the mask {path} holds values from {mask.min()} to {mask.max()}; masks hold whole numbers 0 "
            "to 255: save it as an 8-bit PNG"
        )
    return mask.astype(np.uint8)


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


def read_bytes(path: Path) -> bytes:
    """Read the bytes of an image file. Raises BadFileError if it cannot be opened, or is empty."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error.strerror or "it cannot be opened") from error
    if not data:
        raise _unreadable(path, "it is empty")
    return data


def _refuse_large(data: bytes, path: Path) -> None:
    """Raise BadFileError for more pixels than Pillow's limit, before any is decoded: a small file may have many."""
    limit = 2 * (Image.MAX_IMAGE_PIXELS or math.inf)
    try:
        size = simplejpeg.decode_jpeg_header(data)[:2] if data.startswith(JPEG) else _opened(data).size
        pixels = math.prod(map(int, size))
    except Image.DecompressionBombError as error:
        pixels = int(next(iter(re.findall(r"\d+", str(error))), limit + 1))
    except REFUSED_BY_PILLOW:
        return  # decoding says what is wrong
    if pixels > limit:
        raise _unreadable(path, f"its {pixels:,} pixels are more than {limit:,}; shrink it, or cut it into tiles")


def _opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def _open_with_pillow(data: bytes, path: Path) -> Image.Image:
    """Pillow's first frame: unlike OpenCV it keeps palette indices and refuses a file that ends too early."""
    try:
        image = _opened(data)
        image.load()
    except UnidentifiedImageError as error:
        raise _unreadable(path, "it is not an image, or ends too early") from error
    except REFUSED_BY_PILLOW as error:
        raise _unreadable(path, str(error)) from error
    return image


def _single_channel(mask: Shaped[np.ndarray, "h w c"], path: Path) -> Shaped[np.ndarray, "h w"]:
    if mask.shape[2] > 2 and (mask[..., :3] != mask[..., :1]).any():
        raise UserError(
            f"the mask {path} is a colour picture; masks hold one number a pixel: save it with a palette or in grey"
        )
    return mask[..., 0]


def _unreadable(path: Path, reason: str) -> BadFileError:
    return BadFileError(f"cannot read the image file {path}: {reason}")


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
    image, lost = decode_image(data, sample.image, channels), lost_in(data)
    if sample.mask is None:
        return Decoded(resize_image(image, size), None, (), frozenset(lost))
    data = read_bytes(sample.mask)
    mask, lost = _decode_mask(data, sample.mask), {*lost, *lost_in(data)}
    if mask.shape != image.shape[:2]:
        turned = mask.shape == image.shape[1::-1]
        raise BadFileError(
            f"the image {sample.image} is {image.shape[1]} x {image.shape[0]} pixels and its mask "
            f"{sample.mask} {mask.shape[1]} x {mask.shape[0]}"
            + (" (images are turned as their EXIF tag says: turn the mask too)" if turned else "")
        )
    values = np.flatnonzero(np.bincount(mask.ravel(), minlength=256))
    table = lookup_table(sample.values)
    unknown = values[table[values] == UNKNOWN]
    if len(unknown):
        raise UserError(
            f"the mask {sample.mask} holds the values {abbreviate(unknown, 8)}, but the classes map only "
            f"{sorted(sample.values)}: give --classes (a YAML file can map any value), or save the masks "
            "again (JPEG invents values)"
        )
    seen = tuple(values.tolist())
    return Decoded(resize_image(image, size), resize_mask(table[mask], size), seen, frozenset(lost))


def try_decode(sample: Sample, size: int, channels: int = 3) -> Decoded | BadFileError:
    """`decode_sample`, with a bad file as a result."""
    try:
        return decode_sample(sample, size, channels)
    except BadFileError as error:
        return error


def refuse(reason: str) -> UserError:
    """The error for a bad file that is not to be left out."""
    return UserError(f"{reason}; replace the file, or leave such files out with --skip_bad_files")
