"""A data set decoded once: every image and mask at one size, memory-mapped from a cache folder."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Int, Int64, UInt8

AnyPack = TypeVar("AnyPack", bound="Pack")


@dataclass(frozen=True, eq=False, kw_only=True)
class Pack:
    """Images of one size, as an array that is read from the disk where it is touched."""

    images: UInt8[np.ndarray, "n h w c"]
    masks: UInt8[np.ndarray, "n h w"] | None
    """A class index for each pixel, 255 ignored; pseudo-masks where a pretraining has made some, else None."""
    keys: tuple[str, ...]
    """The images' names, which stay the same wherever the data set lies."""
    digests: tuple[str, ...]
    """Equal ones are image files of equal bytes."""
    bad_files: tuple[str, ...] = ()
    """Which files were left out and why."""
    lost: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By the kind of what reading lost (`common.data.lost`), the names of the images."""

    def __len__(self) -> int:
        return len(self.keys)

    def take(self: AnyPack, indices: Int[np.ndarray, " m"]) -> AnyPack:
        """Copy the images at these positions, in this order, into memory."""
        return replace(self, **self._taken(indices))

    def _taken(self, indices: Int[np.ndarray, " m"]) -> dict[str, Any]:
        return {
            "images": np.asarray(self.images[indices]),
            "masks": None if self.masks is None else np.asarray(self.masks[indices]),
            "keys": tuple(self.keys[index] for index in indices),
            "digests": tuple(self.digests[index] for index in indices),
        }


@dataclass(frozen=True, eq=False, kw_only=True)
class LabelledPack(Pack):
    """Images with the masks that people drew."""

    masks: UInt8[np.ndarray, "n h w"] = field()
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
        kept = {name: getattr(self, name) for name in ("images", "keys", "digests", "bad_files", "lost")}
        return Pack(masks=None, **kept)

    def _taken(self, indices: Int[np.ndarray, " m"]) -> dict[str, Any]:
        digests = tuple(self.mask_digests[index] for index in indices)
        return {**super()._taken(indices), "class_pixels": self.class_pixels[indices], "mask_digests": digests}
