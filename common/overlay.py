"""Masks in the colours of their classes, over their images."""

import numpy as np
from jaxtyping import Bool, Int, UInt8

from common.colours import UNLABELLED, colours, mix
from common.data.classes import IGNORE

STRIPE, PALE = 2, (224, 224, 224)
"""Width of a stripe in pixels, and the colour of every other one."""
OPACITY = 0.45


def hatched(picture: UInt8[np.ndarray, "*n h w 3"], where: Bool[np.ndarray, "*n h w"]) -> UInt8[np.ndarray, "*n h w 3"]:
    """A picture with grey stripes over the pixels `where` nothing is labelled: no class looks like that."""
    row, column = np.indices(where.shape[-2:])
    stripes = np.where(((row + column) // STRIPE % 2 == 0)[..., None], UNLABELLED, PALE).astype(np.uint8)
    return np.where(where[..., None], stripes, picture)


def class_table(mask: Int[np.ndarray, "..."] | UInt8[np.ndarray, "..."]) -> UInt8[np.ndarray, "256 3"]:
    """The colours of the values in a mask."""
    found = np.full((256, 3), UNLABELLED, dtype=np.uint8)
    count = int(mask.max(initial=0, where=mask != IGNORE)) + 1
    found[:count] = colours(count)
    return found


def overlay_mask(
    image: UInt8[np.ndarray, "h w c"], mask: UInt8[np.ndarray, "h w"], background: int | None = 0
) -> UInt8[np.ndarray, "h w 3"]:
    """The image with every class but the background tinted in its colour; what is not labelled is hatched in grey."""
    tinted = mix(image, class_table(mask)[mask], opacity=OPACITY)
    drawn = tinted if background is None else np.where((mask != background)[..., None], tinted, image[..., :3])
    return hatched(drawn, mask == IGNORE)
