"""Whether images larger than the network's input are shrunk whole, or shown to it in crops at their own size."""

from typing import Literal

Fit = Literal["crop", "pad", "squash"]
"""Crops at the images' own size; the whole image, shrunk to fit and padded; or squashed to a square."""
LEAST_OBJECT = 8
"""Pixels of the network's input that the side of an object should have at least."""
MUCH_LARGER = 8
"""So many times the network's input, and an image is much larger."""


def fit_for(longer_side: float, object_side: float | None, *, image_size: int) -> Fit:
    """The fit that suits a data set, by medians in pixels of its files: `crop` or `squash`.

    `longer_side` is that of an image. `object_side` is the root of an object's area, None where there are no masks. It
    is `crop` where crops hold objects, and objects would shrink below LEAST_OBJECT or images are MUCH_LARGER.
    """
    if not crops_hold(longer_side, object_side, image_size=image_size):
        return "squash"
    much_larger = longer_side > MUCH_LARGER * image_size
    if much_larger or object_side is None:
        return "crop" if much_larger else "squash"
    return "crop" if object_side * image_size / longer_side < min(LEAST_OBJECT, object_side) else "squash"


def crops_hold(longer_side: float, object_side: float | None, *, image_size: int) -> bool:
    """Whether a crop is a part of an image, and holds an object."""
    return longer_side > image_size and (object_side is None or object_side <= image_size)
