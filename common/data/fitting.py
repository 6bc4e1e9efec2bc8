"""Images and masks at the size that a network takes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import cv2
import numpy as np
from jaxtyping import UInt8

from common.data.fit import Fit
from common.data.values import IGNORE

if TYPE_CHECKING:
    from torch import Tensor

STRIDE, LEAST = 32, 64
"""Whole images have sides that are multiples of the coarsest stride, and as large as networks take at least."""
Maps = TypeVar("Maps", np.ndarray, "Tensor")


class Box(NamedTuple):
    """A rectangle, in pixels: a part of an image, or where one lies in what a network takes; the rest is padding."""

    top: int
    left: int
    height: int
    width: int

    @property
    def pixels(self) -> int:
        """Those of the image."""
        return self.height * self.width

    def of(self, image: UInt8[np.ndarray, "h w *c"]) -> UInt8[np.ndarray, "p q *c"]:
        """What it shows of an image."""
        return image[self.top : self.top + self.height, self.left : self.left + self.width]

    def cut(self, maps: Maps) -> Maps:
        """The part of maps (their last two sides are height and width) that shows the image."""
        return maps[..., self.top : self.top + self.height, self.left : self.left + self.width]


@dataclass(frozen=True)
class Fitting:
    """How an image of any size becomes what a network takes, and how to find it there."""

    size: int
    """Side in pixels of the squares that a network takes."""
    fit: Fit = "squash"
    scale_to: int | None = None
    """Short side in pixels of the images that are kept for crops; None for their own."""

    @property
    def settings(self) -> dict[str, Any]:
        """The settings beside --image_size that ask for it."""
        return {"fit": self.fit, "scale_to": self.scale_to}

    def __str__(self) -> str:
        return self.fit if self.scale_to is None else f"{self.fit} and --scale_to {self.scale_to}"

    def box(self, height: int, width: int) -> Box:
        """Where an image of this size lies: everywhere, or in the middle with its aspect kept.

        With the fit `crop` it is as large as it is kept, and lies at the top left.
        """
        if self.fit == "crop":
            return Box(0, 0, *self._kept(height, width))
        if self.fit == "squash":
            return Box(0, 0, self.size, self.size)
        factor = self.size / max(height, width)
        height, width = (max(1, round(side * factor)) for side in (height, width))
        return Box((self.size - height) // 2, (self.size - width) // 2, height, width)

    def image(self, image: UInt8[np.ndarray, "h w c"]) -> UInt8[np.ndarray, "p q c"]:
        """An image as a data set keeps it: a square, whose padding is a reflection, or for `crop` with its aspect."""
        if self.fit == "crop":
            kept = self._kept(*image.shape[:2])
            return image if kept == image.shape[:2] else resize_image(image, *kept)
        box = self.box(*image.shape[:2])
        framed = cv2.copyMakeBorder(
            resize_image(image, box.height, box.width), *self._borders(box), cv2.BORDER_REFLECT_101
        )
        return framed.reshape(self.size, self.size, image.shape[2])

    def mask(self, mask: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "p q"]:
        """A mask as a data set keeps it; its padding is ignored."""
        if self.fit == "crop":
            kept = self._kept(*mask.shape)
            return mask if kept == mask.shape else resize_mask(mask, *kept)
        box = self.box(*mask.shape)
        small = resize_mask(mask, box.height, box.width)
        return cv2.copyMakeBorder(small, *self._borders(box), cv2.BORDER_CONSTANT, value=[IGNORE])

    def framed(self, image: UInt8[np.ndarray, "h w c"]) -> UInt8[np.ndarray, "p q c"]:
        """A whole image as a network takes it: as in a data set, for `crop` with padding on the right and below."""
        kept = self.image(image)
        return padded(kept, *whole_size(*kept.shape[:2])) if self.fit == "crop" else kept

    def _kept(self, height: int, width: int) -> tuple[int, int]:
        """The size of an image that is kept for crops."""
        if self.scale_to is None:
            return height, width
        factor = self.scale_to / min(height, width)
        return max(1, round(height * factor)), max(1, round(width * factor))

    def _borders(self, box: Box) -> tuple[int, int, int, int]:
        below, right = self.size - box.top - box.height, self.size - box.left - box.width
        return box.top, below, box.left, right


def whole_size(height: int, width: int) -> tuple[int, int]:
    """The size of a whole image with its padding, as networks take images of any size."""
    high, wide = (max(LEAST, -(-side // STRIDE) * STRIDE) for side in (height, width))
    return high, wide


def padded(image: UInt8[np.ndarray, "h w c"], height: int, width: int) -> UInt8[np.ndarray, "{height} {width} c"]:
    """An image with a reflection of it on the right and below."""
    below, right = height - image.shape[0], width - image.shape[1]
    if not below and not right:
        return image
    framed = cv2.copyMakeBorder(np.ascontiguousarray(image), 0, below, 0, right, cv2.BORDER_REFLECT_101)
    return framed.reshape(height, width, image.shape[2])


def resize_image(image: UInt8[np.ndarray, "h w c"], height: int, width: int | None = None) -> UInt8[np.ndarray, "..."]:
    """Resize an image to height x width, a square by default: averages along a shrinking side, linear along a growing
    one.
    """
    across = height if width is None else width
    shrunk = cv2.resize(image, (min(image.shape[1], across), min(image.shape[0], height)), interpolation=cv2.INTER_AREA)
    resized = cv2.resize(shrunk, (across, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, dtype=np.uint8).reshape(height, across, image.shape[2])


def resize_mask(mask: UInt8[np.ndarray, "h w"], height: int, width: int | None = None) -> UInt8[np.ndarray, "..."]:
    """Resize a mask to height x width, a square by default, each pixel taking the value nearest to its centre."""
    size = height if width is None else width, height
    return np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST_EXACT), dtype=np.uint8)
