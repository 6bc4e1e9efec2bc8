"""Images and masks at the size that a network takes."""

import cv2
import numpy as np
from jaxtyping import UInt8


def resize_image(image: UInt8[np.ndarray, "h w c"], size: int) -> UInt8[np.ndarray, "{size} {size} c"]:
    """Resize an image to size x size: averages along a shrinking side, linear along a growing one."""
    height, width = image.shape[:2]
    shrunk = cv2.resize(image, (min(width, size), min(height, size)), interpolation=cv2.INTER_AREA)
    resized = cv2.resize(shrunk, (size, size), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, dtype=np.uint8).reshape(size, size, image.shape[2])


def resize_mask(mask: UInt8[np.ndarray, "h w"], size: int) -> UInt8[np.ndarray, "{size} {size}"]:
    """Resize a mask to size x size, each pixel taking the value nearest to its centre."""
    return np.asarray(cv2.resize(mask, (size, size), interpolation=cv2.INTER_NEAREST_EXACT), dtype=np.uint8)
