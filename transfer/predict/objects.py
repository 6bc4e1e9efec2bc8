"""The connected parts of a mask, class by class."""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8


class Part(NamedTuple):
    """Pixels of one class that touch each other, also at corners. Objects that touch are one part."""

    kind: int
    """The class."""
    area: int
    """In pixels."""
    left: int
    top: int
    width: int
    height: int
    x: float
    """The centre, as all places in pixels from the left and from the top."""
    y: float


def parts_of(mask: UInt8[np.ndarray, "h w"], background: int | None) -> Iterator[Part]:
    """The connected parts of every class but the background, by class and then from the top."""
    for index in np.flatnonzero(np.bincount(mask.ravel(), minlength=256)).tolist():
        if index == background:
            continue
        inside = (mask == index).astype(np.uint8)
        count, _, stats, centres = cv2.connectedComponentsWithStats(inside, connectivity=8)
        for one in range(1, count):
            left, top, width, height, area = stats[one].tolist()
            yield Part(index, area, left, top, width, height, *centres[one].tolist())
