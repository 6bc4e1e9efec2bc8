"""How large the objects of a mask are."""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

SPECK = 0.01
"""A part of a mask that is smaller than this share of the largest one is no object."""


def object_sides(mask: UInt8[np.ndarray, "h w"], kinds: list[int]) -> Float[np.ndarray, " m"]:
    """The sides of the parts of these classes; touching objects of one class are one part."""
    areas = [
        cv2.connectedComponentsWithStats((mask == kind).astype(np.uint8), connectivity=8)[2][1:, cv2.CC_STAT_AREA]
        for kind in kinds
    ]
    found = np.concatenate([np.zeros(0), *areas])
    return np.sqrt(found[found >= SPECK * found.max(initial=0)])
