"""A data set decoded once: images and masks at one size, or at their own, memory-mapped from a cache folder."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Int, Int64, UInt8

from common.data.fitting import Box
from common.data.ragged import Ragged

AnyPack = TypeVar("AnyPack", bound="Pack")


@dataclass(frozen=True, eq=False, kw_only=True)
class Pack:
    """Images of one size, or each at its own, in an array that is read from the disk where it is touched."""

    images: UInt8[np.ndarray, "n h w c"] | Ragged
    masks: UInt8[np.ndarray, "n h w"] | Ragged | None
    """A class index for each pixel, 255 ignored; pseudo-masks where a pretraining has made some, else None."""
    keys: tuple[str, ...]
    """The images' names, which stay the same wherever the data set lies."""
    digests: tuple[str, ...]
    """Equal ones are image files of equal bytes."""
    boxes: Int64[np.ndarray, "n 4"] | None = None
    """Where each image lies (top, left, height, width; the rest is padding); None where none is padded."""
    bad_files: tuple[str, ...] = ()
    """Which files were left out and why."""
    lost: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By the kind of what reading lost (`common.data.lost`), the names of the images."""

    def __len__(self) -> int:
        return len(self.keys)

    def take(self: AnyPack, indices: Int[np.ndarray, " m"]) -> AnyPack:
        """The images at these positions, in this order; those of one size are copied into memory."""
        return replace(self, **self._taken(indices))

    @property
    def side(self) -> int:
        """Side in pixels of the squares that a network is trained on."""
        return self.images.size if isinstance(self.images, Ragged) else self.images.shape[1]

    @property
    def pixels(self) -> int:
        """Pixels of all images, without their padding."""
        if isinstance(self.images, Ragged):
            return int(self.images.shapes.prod(1).sum())
        return len(self) * self.side**2 if self.boxes is None else int(self.boxes[:, 2:].prod(1).sum())

    def box(self, index: int) -> Box:
        """Where an image lies."""
        return Box(0, 0, *self.images[index].shape[:2]) if self.boxes is None else Box(*self.boxes[index].tolist())

    def content(self, index: int) -> UInt8[np.ndarray, "h w c"]:
        """An image without its padding."""
        return self.box(index).of(self.images[index])

    def _taken(self, indices: Int[np.ndarray, " m"]) -> dict[str, Any]:
        return {
            "images": _some(self.images, indices),
            "masks": None if self.masks is None else _some(self.masks, indices),
            "boxes": None if self.boxes is None else self.boxes[indices],
            "keys": tuple(self.keys[index] for index in indices),
            "digests": tuple(self.digests[index] for index in indices),
        }


def _some(
    images: UInt8[np.ndarray, "n ..."] | Ragged, indices: Int[np.ndarray, " m"]
) -> UInt8[np.ndarray, "m ..."] | Ragged:
    return images.take(indices) if isinstance(images, Ragged) else np.asarray(images[indices])


@dataclass(frozen=True, eq=False, kw_only=True)
class LabelledPack(Pack):
    """Images with the masks that people drew."""

    masks: UInt8[np.ndarray, "n h w"] | Ragged = field()
    class_pixels: Int64[np.ndarray, "n k"]
    """Pixels of each class in each image, 255 not counted."""
    mask_values: tuple[int, ...] = ()
    """The values that the mask files held, before they became classes."""
    mask_digests: tuple[str, ...]
    """Equal ones are masks of equal bytes whose values mean the same."""
    background: int | None = 0
    """The class that is no object; None where every class is one."""

    @property
    def foreground(self) -> list[int]:
        """The other classes."""
        return [k for k in range(self.class_pixels.shape[1]) if k != self.background]

    @property
    def foreground_pixels(self) -> Int64[np.ndarray, "n m"]:
        """Pixels of each of the other classes in each image."""
        return self.class_pixels[:, self.foreground]

    def without_labels(self) -> Pack:
        """The images alone."""
        kept = {name: getattr(self, name) for name in ("images", "boxes", "keys", "digests", "bad_files", "lost")}
        return Pack(masks=None, **kept)

    def _taken(self, indices: Int[np.ndarray, " m"]) -> dict[str, Any]:
        digests = tuple(self.mask_digests[index] for index in indices)
        return {**super()._taken(indices), "class_pixels": self.class_pixels[indices], "mask_digests": digests}
