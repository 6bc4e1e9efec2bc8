"""One image with its mask as the doctor sees it: what is wrong with its files, and what is measured of them."""

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image

from common.data.decode import frame_of, image_of
from common.data.duplicates import SIDE
from common.data.fitting import resize_image
from common.data.lost import lost_in
from common.data.masks.file import ColouredMaskError
from common.data.masks.mask import Frame, MisfitError
from common.data.objects import object_sides
from common.data.opened import REFUSED_BY_PILLOW, BadFileError, opened, read_bytes
from common.data.samples import Sample, SplitName
from common.data.values import IGNORE, UNKNOWN, ValueTable
from common.errors import UserError

Trouble = Literal["image-unreadable", "several-pictures", "mask-unreadable", "mask-size", "mask-colours"]


@dataclass(frozen=True, eq=False)
class Drawn:
    """What the mask of an image shows, at the size of its file."""

    pixels: Int[np.ndarray, " k"]
    """Of each class."""
    ignored: int
    objects: Float[np.ndarray, " m"]
    """The side of each connected part of a class but the background: the root of its area, in pixels."""
    values: frozenset[int]
    """The numbers of 8 bits in the file; none where its classes are told by colours."""
    unknown: Mapping[int, int]
    """Pixels of each number, or colour 0xRRGGBB, that the classes do not know."""
    digest: bytes


@dataclass(frozen=True, eq=False)
class Seen:
    """One image and its mask. What could not be read is None."""

    sample: Sample
    trouble: Trouble | None = None
    reason: str = ""
    """The trouble in words."""
    digest: bytes = b""
    """Of the bytes of the image file, and of the page in it."""
    named_wrong: str = ""
    """What the file is, where its suffix says something else: PNG."""
    size: tuple[int, int] | None = None
    """Width and height, as it is shown."""
    grey: UInt8[np.ndarray, "side side 1"] | None = None
    """The image in grey, small."""
    lost: frozenset[str] = field(default_factory=frozenset)
    """The kinds of what was lost in reading, of `common.data.lost`."""
    drawn: Drawn | None = None
    split: SplitName | None = None
    """None for a photograph of --unlabelled_dir, and for an image that is not used."""

    @property
    def name(self) -> str:
        """The path of the image file, with the page in it, if it has several."""
        page = self.sample.reading.page
        return str(self.sample.image) if page is None else f"{self.sample.image} (page {page + 1})"

    @property
    def brightness(self) -> float:
        """Mean of the grey values in [0, 1]; NaN of what could not be read."""
        return math.nan if self.grey is None else float(self.grey.mean()) / 255


def look_at(sample: Sample, *, channels: int = 3, classes: int = 0, background: int | None = 0) -> Seen:
    """Read an image and its mask whole, and measure both; what is wrong with them is told and not raised.

    `classes` is their number, of which one may be the `background`.
    """
    try:
        data = read_bytes(sample.image)
    except BadFileError as error:
        return Seen(sample, "image-unreadable", str(error))
    digest, named_wrong = _digest(sample, data), _named_wrong(sample.image, data)
    try:
        image = image_of(sample, data, channels)
    except BadFileError as error:
        trouble = "several-pictures" if sample.reading.refused else "image-unreadable"
        return Seen(sample, trouble, str(error), digest, named_wrong)
    height, width = image.shape[:2]
    grey = resize_image(image[..., :3], SIDE).mean(2, keepdims=True).round().astype(np.uint8)
    measured = {"digest": digest, "named_wrong": named_wrong, "size": (width, height), "grey": grey}
    lost = frozenset(lost_in(data, channels))
    if sample.mask is None:
        return Seen(sample, **measured, lost=lost)
    try:
        drawn, of_mask = _drawn(sample, frame_of(sample, data, image), classes, background)
    except UserError as error:
        return Seen(sample, _trouble(error), str(error), **measured, lost=lost)
    return Seen(sample, **measured, lost=lost | of_mask, drawn=drawn)


def _digest(sample: Sample, data: bytes) -> bytes:
    """Equal for images of equal bytes; that of a page tells it from the others of its file."""
    page = sample.reading.page
    return hashlib.blake2b(data, digest_size=8, salt=b"" if page is None else str(page).encode()).digest()


def _trouble(error: UserError) -> Trouble:
    if isinstance(error, MisfitError):
        return "mask-size"
    return "mask-colours" if isinstance(error, ColouredMaskError) else "mask-unreadable"


def _drawn(sample: Sample, frame: Frame, classes: int, background: int | None) -> tuple[Drawn, frozenset[str]]:
    assert sample.mask is not None
    table = ValueTable(sample.values)
    numbers, lost = sample.mask.read(frame, table)
    mask = table.apply(numbers)
    counts = np.bincount(mask.ravel(), minlength=256)
    unknown: dict[int, int] = {}
    if counts[UNKNOWN]:
        found = np.unique(numbers[mask == UNKNOWN], return_counts=True)
        unknown = dict(zip(*(part.tolist() for part in found), strict=True))
    values = frozenset[int]() if table.colours else _values_of(numbers)
    objects = object_sides(mask, [k for k in np.flatnonzero(counts[:classes]).tolist() if k != background])
    digest = hashlib.blake2b(mask.tobytes(), digest_size=8).digest()
    return Drawn(counts[:classes], int(counts[IGNORE]), objects, values, unknown, digest), lost


def _values_of(numbers: np.ndarray) -> frozenset[int]:
    if numbers.dtype == np.uint8:
        return frozenset(np.flatnonzero(np.bincount(numbers.ravel())).tolist())
    return frozenset(number for number in np.unique(numbers).tolist() if number <= 255)


SUFFIXES: Callable[[], Mapping[str, str]] = Image.registered_extensions
"""The type that each suffix says, by Pillow's names."""
ONE_TYPE = ({"JPEG", "MPO"}, {"JPEG2000"}, {"HEIF", "AVIF"})


def _named_wrong(path: Path, data: bytes) -> str:
    try:
        what = opened(data).format or ""
    except REFUSED_BY_PILLOW:
        return ""
    said = SUFFIXES().get(path.suffix.lower(), what)
    return "" if said == what or any({said, what} <= one for one in ONE_TYPE) else what
