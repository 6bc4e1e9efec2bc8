"""Masks that were saved with a loss: JPEG and its like blur the numbers of a mask at every border."""

from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from common.data.values import UNKNOWN, ValueTable
from common.errors import UserError

NEAR = 64
"""Grey values so far from black or white are still one of them."""
SHARE_NEAR = 0.95
"""Share of the pixels that must be."""
GREYISH = 24
"""Largest difference of the channels of a grey pixel, after JPEG."""


def black_or_white(
    pixels: Shaped[np.ndarray, "h w *c"], table: ValueTable, path: Path
) -> tuple[Shaped[np.ndarray, "h w *_"], bool]:
    """Cut a black-and-white mask halfway; and whether that was needed. Masks of two values, and ranges, stay.

    Raises UserError for a mask of other grey values than black and white, which no cut can restore.
    """
    grey = _grey(pixels)
    if grey is None or table.colours:
        return pixels, False
    whole = len(np.unique(grey)) <= 2 and (table.apply(grey) != UNKNOWN).all()
    if whole or table.ranges or table.rest is not None:
        return grey, False
    near = ((grey < NEAR) | (grey >= 256 - NEAR)).mean()
    if not (table.knows(0) and table.knows(255)) or near < SHARE_NEAR or grey.max() < 256 - NEAR:
        raise UserError(
            f"the mask {path} was saved with a loss (JPEG), which invents values between those of its classes: save "
            "the masks again as PNG, or give ranges of values in a YAML file with --classes, such as "
            "'values: {0-99: 0, 100-255: 1}'"
        )
    return np.where(grey < 128, 0, 255).astype(np.uint8), True


def _grey(pixels: Shaped[np.ndarray, "h w *c"]) -> Shaped[np.ndarray, "h w"] | None:
    """Grey values; None for a picture in colours."""
    if pixels.ndim == 2:
        return pixels
    spread = pixels.max(axis=-1).astype(np.int32) - pixels.min(axis=-1)
    return pixels[..., 1] if (spread <= GREYISH).mean() >= SHARE_NEAR else None
