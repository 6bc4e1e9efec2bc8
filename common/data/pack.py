"""A data set decoded once: every image and mask at one size, memory-mapped from a cache folder."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int, Int64, UInt8


@dataclass(frozen=True, eq=False)
class Pack:
    """Images of one size with their masks, as arrays that are read from the disk where they are touched.

    `masks` hold class indices, 255 ignored; they and `class_pixels` (pixels of each class in each image, 255
    not counted) are None without labels. Equal `digests` are image files of equal bytes. `bad_files` says
    which files were left out and why, `mask_values` which values the mask files held.
    """

    images: UInt8[np.ndarray, "n h w c"]
    masks: UInt8[np.ndarray, "n h w"] | None
    keys: tuple[str, ...]
    class_pixels: Int64[np.ndarray, "n k"] | None
    digests: tuple[str, ...]
    bad_files: tuple[str, ...] = ()
    mask_values: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, indices: Int[np.ndarray, " m"]) -> "Pack":
        """The images at these positions, in this order, copied into memory."""
        return replace(
            self,
            images=np.asarray(self.images[indices]),
            masks=None if self.masks is None else np.asarray(self.masks[indices]),
            keys=tuple(self.keys[index] for index in indices),
            class_pixels=None if self.class_pixels is None else self.class_pixels[indices],
            digests=tuple(self.digests[index] for index in indices),
        )
