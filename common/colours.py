"""Colours of classes, curves and maps."""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

PALETTE = np.array(
    [
        (0, 0, 0),
        (230, 159, 0),
        (86, 180, 233),
        (0, 158, 115),
        (240, 228, 66),
        (0, 114, 178),
        (213, 94, 0),
        (204, 121, 167),
    ],
    dtype=np.uint8,
)
"""Colours of the classes, told apart by the colour-blind. Source: Okabe & Ito, Color Universal Design, 2008."""


def colour_of(index: int) -> UInt8[np.ndarray, "3"]:
    """The colour of a class or a line; after the last colour of the palette the first follows."""
    return PALETTE[index % len(PALETTE)]


def line_colour(index: int) -> UInt8[np.ndarray, "3"]:
    """The colour of a line among several, counted from 0; black is left out."""
    return PALETTE[1 + index % (len(PALETTE) - 1)]


def css(colour: UInt8[np.ndarray, "3"]) -> str:
    """A colour as CSS writes it: #rrggbb."""
    return "#" + colour.tobytes().hex()


def heat(value: Float[np.ndarray, "n h w"], name: str = "inferno") -> UInt8[np.ndarray, "n h w 3"]:
    """Values in [0, 1] (others are clipped) as colours of a matplotlib map."""
    import matplotlib as mpl  # now: a training begins without it

    return mpl.colormaps[name](np.clip(value, 0, 1), bytes=True)[..., :3]


def mix(
    image: UInt8[np.ndarray, "h w c"], colours: UInt8[np.ndarray, "h w 3"], *, opacity: float
) -> UInt8[np.ndarray, "h w 3"]:
    """Colours over an image, of which the first three channels, or the grey ones, shine through."""
    image = np.ascontiguousarray(np.broadcast_to(image[..., :3], colours.shape))
    return cv2.addWeighted(image, 1 - opacity, np.ascontiguousarray(colours), opacity, 0)
