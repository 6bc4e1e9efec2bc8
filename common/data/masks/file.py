"""From one mask file, whatever its type, to a number for each pixel."""

import io
import math
from pathlib import Path
from tokenize import TokenError
from typing import Any, NamedTuple, cast

import cv2
import numpy as np
from jaxtyping import Integer, Shaped, UInt8
from PIL import Image

from common.data.deep import decoded
from common.data.lost import lost_in
from common.data.masks.lossy import black_or_white
from common.data.masks.palette import as_numbers, colours_of, told
from common.data.opened import open_with_pillow, read_bytes, refuse_large, refuse_pixels, unreadable
from common.data.tiff import COLOURS, bands_in
from common.data.turned import orientation, stored_orientation, turn
from common.data.values import GREY, HIGHEST, ValueTable
from common.errors import UserError

NUMPY = b"\x93NUMPY"
ARRAY_SUFFIX = ".npy"
LOSSY = ("JPEG", "MPO", "AVIF", "HEIF")
LOSSLESS_WEBP = b"VP8L"


class ColouredMaskError(UserError):
    """A mask is a picture in colours, and the classes are told by numbers."""


class MaskPixels(NamedTuple):
    """The pixels of a mask file, as they lie in the picture."""

    numbers: Integer[np.ndarray, "h w"]
    upright: bool = False
    """Whether an EXIF tag of its own said how it is to be turned, and it was."""
    lost: frozenset[str] = frozenset()
    """The kinds of what was lost in reading, of `common.data.lost`."""


def read_mask_file(path: Path, table: ValueTable, page: int = 0) -> MaskPixels:
    """Read a mask as the numbers that its classes are told by: grey values, palette indices, or colours (0xRRGGBB).

    Black and white are 0 and 255 whatever their palette's indices or their bits, where the classes know 255 and do not
    tell 1 from it; what is transparent is 0. What a loss in saving blurred is cut halfway between black and white.
    Raises BadFileError naming the file if it cannot be read or ends too early, ColouredMaskError, and UserError for
    what is no mask.
    """
    data = read_bytes(path)
    if data.startswith(NUMPY):
        return MaskPixels(_told(_array(data, path), None, table, path))
    refuse_large(data, path)
    if (pixels := _by_bands(data, path, page)) is not None:
        return MaskPixels(_told(pixels, None, table, path), stored_orientation(data) != 1)
    picture = open_with_pillow(data, path, page)
    upright = stored_orientation(data) != 1  # a TIFF has been turned, and lost its tag
    lossy = is_lossy(picture, data)
    lost = {*lost_in(data), *(["white"] if stores_white_as_zero(picture) else [])}
    pixels = _by_opencv(data, picture)
    if pixels is None:
        picture = picture if picture.mode in PLAIN else picture.convert("RGB")
        pixels, alpha = _without_alpha(np.asarray(picture), picture.mode, path)
        lost |= {"alpha"} if alpha else set()
    if lossy:
        pixels, cut = black_or_white(pixels, table, path)
        lost |= {"lossy"} if cut else set()
    numbers = _told(pixels, colours_of(picture), table, path)
    return MaskPixels(turn(numbers, orientation(picture)), upright, frozenset(lost))


PLAIN = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "I", "F", "I;16", "I;16L", "I;16B")
"""Modes of Pillow whose arrays hold what the file does."""


def _array(data: bytes, path: Path) -> Shaped[np.ndarray, "..."]:
    """An array of NumPy, with one of one channel, or one picture, taken as flat."""
    try:
        stream = io.BytesIO(data)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, _, kind = read_header[np.lib.format.read_magic(stream)](stream)
        refuse_pixels(math.prod(shape), path)
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, KeyError, EOFError, OSError, TokenError) as error:
        raise unreadable(path, " ".join(str(error).split())) from error
    flat = array.reshape([side for side in shape if side != 1] if len(shape) == 3 and 1 in shape else shape)
    if kind.kind not in "biuf" or flat.ndim not in (2, 3) or (flat.ndim == 3 and flat.shape[2] not in (3, 4)):
        raise UserError(
            f"the mask {path} is an array of shape {array.shape} and type {array.dtype}; a mask is (height, width) and "
            "holds numbers"
        )
    return flat


def _by_bands(data: bytes, path: Path, page: int) -> Shaped[np.ndarray, "h w *c"] | None:
    """TIFF files that Pillow misreads: bands apart, colours of 16 bits, 64 bits; None for all others."""
    bands = bands_in(data, page)
    if bands is None or (bands.number == 1 and bands.bits <= 32):
        return None
    if bands.unnamed:
        raise UserError(f"the mask {path} holds {bands.number} bands, and a mask has one, or colours: save one as grey")
    if bands.bits <= 8 and not bands.apart:
        return None
    pixels = None if bands.with_alpha else decoded(data, page, bands)
    if pixels is None:
        raise unreadable(path, f"it is a TIFF of {bands}: save it as a PNG of 8 or 16 bits, without transparency")
    return pixels if pixels.ndim == 2 else pixels[..., 2::-1]


def _by_opencv(data: bytes, picture: Image.Image) -> Shaped[np.ndarray, "h w *c"] | None:
    """What Pillow misreads; None for all other files.

    Of colours of 16 bits it drops the lower half, and BMP files of 8 bits with black and white alone it takes for files
    of one bit (13.0).
    """
    deep = picture.format == "PNG" and data[24] == 16 and data[25] != 0
    if not deep and not (picture.format == "BMP" and picture.mode == "1" and data[28] == 8):
        return None
    read_as = cv2.IMREAD_UNCHANGED if deep else cv2.IMREAD_GRAYSCALE
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), read_as)
    return None if pixels is None else pixels if pixels.ndim == 2 else pixels[..., 2::-1]


def stores_white_as_zero(picture: Image.Image) -> bool:
    """Whether a TIFF file says so, of which Pillow gives what it looks like."""
    return picture.format == "TIFF" and cast(Any, picture).tag_v2.get(COLOURS) == 0


def is_lossy(picture: Image.Image, data: bytes) -> bool:
    """Whether a picture was saved in a way that may change its values."""
    return picture.format in LOSSY or (picture.format == "WEBP" and LOSSLESS_WEBP not in data[:64])


def _without_alpha(
    pixels: Shaped[np.ndarray, "h w *c"], mode: str, path: Path
) -> tuple[Shaped[np.ndarray, "h w *_"], bool]:
    """The picture as it is seen on black, and whether that changes it. One of one colour is its transparency."""
    if mode not in ("LA", "RGBA", "PA"):
        return pixels, False
    colours, alpha = pixels[..., :-1], pixels[..., -1]
    colours = colours[..., 0] if mode != "RGBA" else colours
    if (alpha == 255).all():
        return colours, False
    if (colours == colours[0, 0]).all():
        return alpha, True
    if ((alpha != 0) & (alpha != 255)).any():
        raise UserError(
            f"the mask {path} has half-transparent pixels, whose class is not certain: save it without transparency"
        )
    return np.where(alpha.reshape(*alpha.shape, *[1] * (colours.ndim - 2)) == 0, 0, colours), True


def _told(
    pixels: Shaped[np.ndarray, "h w *c"], palette: Integer[np.ndarray, " 256"] | None, table: ValueTable, path: Path
) -> Integer[np.ndarray, "h w"]:
    """The numbers by which the classes are told."""
    if pixels.ndim == 3 and (pixels == pixels[..., :1]).all():
        pixels = pixels[..., 0]
    if palette is not None and pixels.ndim == 2:
        return told(pixels, palette, table)
    if pixels.ndim == 3:
        if not table.colours:
            raise ColouredMaskError(f"the mask {path} is a colour picture, and the classes are told by numbers")
        return as_numbers(_of_8_bits(pixels, path))
    numbers = _whole(pixels, path)
    white = 1 if pixels.dtype == bool else np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 0
    if white not in (0, 255) and table.knows(255) and not table.tells(white) and _holds_only(numbers, white):
        numbers = numbers // white * 255
    if not table.colours:
        return numbers
    return np.where(numbers > 255, HIGHEST, np.minimum(numbers, 255).astype(np.int32) * GREY)


def _of_8_bits(pixels: Shaped[np.ndarray, "h w 3"], path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """Colours of 8 bits, also where they are written in 16: each byte twice, or as it is."""
    whole = pixels if pixels.dtype == np.uint8 else _whole(pixels, path)
    twice = whole.max() > 255 and whole.dtype == np.uint16 and not (whole % 257).any()
    if whole.max() > 255 and not twice:
        raise UserError(f"the mask {path} has colours of more than 8 bits, in which classes are not told: save it in 8")
    return (whole // 257 if twice else whole).astype(np.uint8)


def _whole(pixels: Shaped[np.ndarray, "h w *c"], path: Path) -> Integer[np.ndarray, "h w *c"]:
    if pixels.dtype == bool:
        return pixels.astype(np.uint8)
    low, high = pixels.min(), pixels.max()
    if not 0 <= low <= high <= HIGHEST or (pixels.dtype.kind == "f" and (pixels % 1).any()):
        raise UserError(
            f"the mask {path} holds values from {low} to {high}; masks hold whole numbers from 0: save it as a PNG of "
            "8 or 16 bits"
        )
    return pixels if pixels.dtype.kind in "iu" and pixels.dtype.itemsize <= 4 else pixels.astype(np.int32)


def _holds_only(numbers: Integer[np.ndarray, "h w"], white: int) -> bool:
    return bool(((numbers == 0) | (numbers == white)).all())
