"""Colours of masks, classes and errors."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Int, Int64, UInt8

from common.colours import UNLABELLED, colour_of, colours, css, mix
from common.data.classes import IGNORE

RIGHT, MISSED, INVENTED, CONFUSED = (255, 255, 255), (0, 114, 178), (230, 159, 0), (204, 121, 167)


def paint(mask: Int64[torch.Tensor, "n h w"]) -> UInt8[np.ndarray, "n h w 3"]:
    """Classes in their colours; what is not labelled is grey."""
    return _table(mask.numpy())[mask.numpy()]


def _table(mask: Int[np.ndarray, "..."] | UInt8[np.ndarray, "..."]) -> UInt8[np.ndarray, "256 3"]:
    """The colours of the values in a mask."""
    found = np.full((256, 3), UNLABELLED, dtype=np.uint8)
    count = int(mask.max(initial=0, where=mask != IGNORE)) + 1
    found[:count] = colours(count)
    return found


def paint_errors(
    prediction: Int64[torch.Tensor, "n h w"], truth: Int64[torch.Tensor, "n h w"]
) -> UInt8[np.ndarray, "n h w 3"]:
    """What kind of error each pixel is; class 0 is the background."""
    painted = np.full((*truth.shape, 3), RIGHT, dtype=np.uint8)
    wrong = (prediction != truth).numpy()
    foreground, said = truth.numpy() > 0, prediction.numpy() > 0
    for colour, where in (
        (MISSED, wrong & foreground & ~said),
        (INVENTED, wrong & ~foreground & said),
        (CONFUSED, wrong & foreground & said),
        (UNLABELLED, truth.numpy() == IGNORE),
    ):
        painted[where] = colour
    return painted


ERRORS = {"missed": MISSED, "invented": INVENTED, "wrong class": CONFUSED, "not labelled": UNLABELLED}


def class_legend(names: Sequence[str], *, unlabelled: bool = False) -> list[tuple[str, str]]:
    """Name and colour of every class but the background, which is clear in these layers."""
    legend = [(name, css(colour_of(k))) for k, name in enumerate(names) if k > 0]
    if unlabelled:
        legend.append(("not labelled", css(np.array(UNLABELLED, dtype=np.uint8))))
    return legend


def error_legend() -> list[tuple[str, str]]:
    """Name and colour of every kind of error."""
    return [(name, css(np.array(colour, dtype=np.uint8))) for name, colour in ERRORS.items()]


def class_colour(index: int) -> str:
    """The colour of a class in charts: that of its mask; the background's is that of the text."""
    return "ink" if index == 0 else css(colour_of(index))


OPACITY = 0.45


def overlay_mask(image: UInt8[np.ndarray, "h w c"], mask: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """The image with every class but the background tinted in its colour."""
    tinted = mix(image, _table(mask)[mask], opacity=OPACITY)
    return np.where((mask > 0)[..., None], tinted, image[..., :3])
