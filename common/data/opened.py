"""An image file's bytes, and Pillow's view of them: what readers of images and of masks share."""

import io
import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path

import simplejpeg
from PIL import Image, UnidentifiedImageError

from common.data.listing import HEIF
from common.data.lost import JPEG
from common.data.tiff import bands_in
from common.errors import UserError

REFUSED_BY_PILLOW = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    RuntimeError,  # of AVIF files
    UnidentifiedImageError,
    Image.DecompressionBombError,
)


warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # one limit, and a sentence beyond it


class BadFileError(UserError):
    """A single file is damaged or does not fit its partner; --skip_bad_files leaves such files out."""


def read_bytes(path: Path) -> bytes:
    """Read the bytes of an image file. Raises BadFileError if it cannot be opened, or is empty."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error.strerror or "it cannot be opened") from error
    if not data:
        raise unreadable(path, "it is empty")
    return data


def refuse_large(data: bytes, path: Path) -> None:
    """Raise BadFileError for more pixels than Pillow's limit, before any is decoded: a small file may have many."""
    refuse_pixels(pixels_in(data), path)


def size_in(data: bytes) -> tuple[int, int]:
    """The height and width that the header of an image file promises. Raises what Pillow raises where there is none."""
    if data.startswith(JPEG):
        height, width, *_ = simplejpeg.decode_jpeg_header(data)
        return int(height), int(width)
    width, height = opened(data).size
    return height, width


def pixels_in(data: bytes) -> int:
    """The pixels that the header of an image file promises; 0 where there is none: decoding says what is wrong."""
    try:
        return math.prod(size_in(data))
    except Image.DecompressionBombError as error:
        return int(next(iter(re.findall(r"\d+", str(error))), pixel_limit() + 1))
    except REFUSED_BY_PILLOW:
        return 0


def refuse_pixels(pixels: int, path: Path, *, whose: str = "its") -> None:
    """Raise BadFileError for more pixels than are read."""
    if pixels > pixel_limit():
        raise unreadable(
            path, f"{whose} {pixels:,} pixels are more than {pixel_limit():,}{_flag}; shrink it, or cut it into tiles"
        )


def pixel_limit() -> float:
    """The largest number of pixels that is read, for images and masks alike: Pillow's limit."""
    return 2 * (Image.MAX_IMAGE_PIXELS or math.inf)


_flag = ""
"""What sets the limit of pixels in the command that runs."""


@contextmanager
def read_up_to(pixels: int) -> Iterator[None]:
    """Inside, images and masks of up to --max_pixels are read (of an odd number, one more)."""
    global _flag  # beside Pillow's own limit, which is as global
    before, Image.MAX_IMAGE_PIXELS, _flag = Image.MAX_IMAGE_PIXELS, math.ceil(pixels / 2), " (--max_pixels)"
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS, _flag = before, ""


def opened(data: bytes) -> Image.Image:
    """Pillow's view of a file whose pixels are not read yet."""
    if HEIF and data[4:8] == b"ftyp":
        _learn_heif()
    return Image.open(io.BytesIO(data))


@cache
def _learn_heif() -> None:
    """Teach Pillow to read HEIF, once it is needed."""
    import_module("pi_heif").register_heif_opener()


def open_with_pillow(data: bytes, path: Path, page: int = 0) -> Image.Image:
    """A picture by Pillow: unlike OpenCV it keeps palette indices and refuses a file that ends too early."""
    try:
        image = opened(data)
        if page:
            image.seek(page)
        image.load()
    except UnidentifiedImageError as error:
        bands = bands_in(data, page)
        kind = f"it is a TIFF of {bands}, which are not read: save it as RGB, or as one grey band" if bands else ""
        raise unreadable(path, kind or "it is not an image, or ends too early") from error
    except REFUSED_BY_PILLOW as error:
        raise unreadable(path, str(error)) from error
    return image


def unreadable(path: Path, reason: str) -> BadFileError:
    """The error for a file that can't be read."""
    return BadFileError(f"cannot read the image file {path}: {reason}")
