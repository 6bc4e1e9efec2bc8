"""The pictures of the doctor: files as they are, images under their masks, and the sheet of them."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from common.data.classes import Classes
from common.data.decode import image_of, labels_of, read_image
from common.data.deep import FULL
from common.data.opened import read_bytes
from common.data.survey import NOTHING, image_facts
from common.doctor.seen import Seen
from common.errors import UserError
from common.figures import save_picture
from common.overlay import overlay_mask
from common.report.images import EXACT, SMOOTH, fitted, photograph, three_channels
from common.report.selection import evenly

SIDE, GAP, COLUMNS, ON_SHEET = 160, 6, 8, 48
FEW_VALUES = 32
"""A picture of so few grey values is a mask, whose values are spread over the range to be seen."""


def picture_of(path: Path, *, channels: int = 3, side: int = SIDE) -> str:
    """A file as a picture on a page; an empty one where it can't be read, with three channels or those of the images.

    The values of more than 8 bits that it holds become black to white.
    """
    picture = np.full((side, side, 3), 128, np.uint8)
    for count in dict.fromkeys((channels, 3)):
        with suppress(UserError):
            depth = (image_facts(path, count) or NOTHING).depth or FULL
            picture = _visible(three_channels(read_image(path, count, depth=depth)))
            break
    return photograph(picture, side=side)


def _visible(picture: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    values, places = np.unique(picture, return_inverse=True)
    if len(values) > FEW_VALUES or len(values) < 2:
        return picture
    return np.linspace(0, 255, len(values)).astype(np.uint8)[places.reshape(picture.shape)]


def under_mask(seen: Seen, classes: Classes, *, channels: int = 3, side: int = SIDE) -> UInt8[np.ndarray, "h w 3"]:
    """An image, small, with every class but the background tinted. Raises UserError where the files have changed."""
    sample = seen.sample
    data = read_bytes(sample.image)
    image = image_of(sample, data, channels)
    mask = labels_of(sample, data, image).classes
    small = fitted(three_channels(image), side, SMOOTH)
    return overlay_mask(small, fitted(mask, side, EXACT), classes.background)


def chosen(images: Sequence[Seen], count: int) -> list[Seen]:
    """Some of the images, evenly from all of them."""
    return [images[index] for index in evenly(len(images), count)]


def write_sheet(path: Path, images: Sequence[Seen], classes: Classes, *, channels: int = 3) -> None:
    """Write some of the images under their masks as one picture. Raises OSError where it can't be written."""
    small = []
    for seen in chosen(images, ON_SHEET):
        with suppress(UserError):
            small.append(under_mask(seen, classes, channels=channels))
    save_picture(sheet_of(small), path)


def sheet_of(pictures: Sequence[UInt8[np.ndarray, "_ _ 3"]]) -> UInt8[np.ndarray, "h w 3"]:
    """Pictures of at most SIDE pixels a side, row by row on white."""
    step, columns = SIDE + GAP, min(COLUMNS, max(len(pictures), 1))
    whole = np.full((-(-len(pictures) // columns) * step + GAP, columns * step + GAP, 3), 255, np.uint8)
    for index, picture in enumerate(pictures):
        top, left = index // columns * step + GAP, index % columns * step + GAP
        height, width = picture.shape[:2]
        whole[top : top + height, left : left + width] = picture
    return whole
