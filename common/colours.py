"""Colours of classes, curves and maps."""

from functools import cache

import cv2
import numpy as np
from jaxtyping import Float, UInt8

PALETTE = np.array(
    [
        *((0, 0, 0), (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0)),
        *((204, 121, 167), (119, 34, 0), (85, 68, 85), (187, 221, 170), (34, 51, 136), (85, 102, 85), (34, 238, 255)),
        *((34, 0, 238), (136, 119, 255), (187, 187, 187), (170, 68, 34), (51, 68, 51), (136, 187, 119), (153, 68, 136)),
        *((187, 255, 153), (68, 119, 68), (170, 153, 153)),
    ],
    dtype=np.uint8,
)
"""Colours of the classes, told apart by the colour-blind.

Source: the first eight are those of Okabe & Ito, Color Universal Design, 2008. Each other one is the farthest by
CIEDE2000 from all before it, from white and from mid-grey: of a lattice of 16 levels a channel, not too dark for a dark
page, for the kind of sight (normal, protanopia, deuteranopia, tritanopia by Machado et al. 2009) that tells it least.
"""
UNLABELLED = (128, 128, 128)
"""The grey of what is not labelled."""


def colours(count: int) -> UInt8[np.ndarray, "{count} 3"]:
    """The colours of this many classes, at most 255, all different."""
    return PALETTE[:count] if count <= len(PALETTE) else _more_colours()[:count]


@cache
def _more_colours(most: int = 255) -> UInt8[np.ndarray, "{most} 3"]:
    """The palette, and then what is farthest from all colours before it, in CIELAB."""
    levels = np.arange(0, 256, 17, dtype=np.uint8)
    lattice = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(-1, 3)
    known = np.vstack([PALETTE, [UNLABELLED, (255, 255, 255)]]).astype(np.uint8)
    places, far = _lab(lattice), np.full(len(lattice), np.inf)
    for place in _lab(known):
        far = np.minimum(far, np.linalg.norm(places - place, axis=1))
    chosen = []
    for _ in range(most - len(PALETTE)):
        chosen.append(int(far.argmax()))
        far = np.minimum(far, np.linalg.norm(places - places[chosen[-1]], axis=1))
    return np.vstack([PALETTE, lattice[chosen]])


def _lab(colour: UInt8[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    return cv2.cvtColor(colour[None].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0]


def colour_of(index: int) -> UInt8[np.ndarray, "3"]:
    """The colour of a class."""
    return colours(index + 1)[index]


def line_colour(index: int) -> UInt8[np.ndarray, "3"]:
    """The colour of a line among several, counted from 0; black is left out."""
    return colour_of(1 + index % 254)


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
