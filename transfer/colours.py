"""Colours of masks, classes and errors."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Int64, UInt8

from common.colours import UNLABELLED, colour_of, css
from common.data.classes import IGNORE
from common.overlay import class_table, hatched

RIGHT, MISSED, INVENTED, CONFUSED = (255, 255, 255), (255, 51, 85), (170, 17, 255), (0, 255, 204)
"""What is right and the kinds of error, in colours that no class of the palette has."""


def paint(mask: Int64[torch.Tensor, "n h w"]) -> UInt8[np.ndarray, "n h w 3"]:
    """Classes in their colours; what is not labelled is hatched in grey."""
    return hatched(class_table(mask.numpy())[mask.numpy()], mask.numpy() == IGNORE)


def paint_errors(
    prediction: Int64[torch.Tensor, "n h w"], truth: Int64[torch.Tensor, "n h w"], background: int | None
) -> UInt8[np.ndarray, "n h w 3"]:
    """What kind of error each pixel is; without a background every error is a wrong class."""
    painted = np.full((*truth.shape, 3), RIGHT, dtype=np.uint8)
    wrong = (prediction != truth).numpy()
    foreground, said = (values.numpy() != (-1 if background is None else background) for values in (truth, prediction))
    for colour, where in (
        (MISSED, wrong & foreground & ~said),
        (INVENTED, wrong & ~foreground & said),
        (CONFUSED, wrong & foreground & said),
    ):
        painted[where] = colour
    return hatched(painted, truth.numpy() == IGNORE)


ERRORS = {"missed": MISSED, "invented": INVENTED, "wrong class": CONFUSED, "not labelled": UNLABELLED}
OF_FOREGROUND = ("missed", "invented")
"""Errors that only a background allows."""


def class_legend(names: Sequence[str], background: int | None, *, unlabelled: bool = False) -> list[tuple[str, str]]:
    """Name and colour of every class but the background, which is clear in these layers."""
    legend = [(name, css(colour_of(k))) for k, name in enumerate(names) if k != background]
    if unlabelled:
        legend.append(("not labelled", css(np.array(UNLABELLED, dtype=np.uint8))))
    return legend


def error_legend(background: int | None) -> list[tuple[str, str]]:
    """Name and colour of every kind of error; without a background nothing is missed or invented."""
    kinds = {name: colour for name, colour in ERRORS.items() if background is not None or name not in OF_FOREGROUND}
    return [(name, css(np.array(colour, dtype=np.uint8))) for name, colour in kinds.items()]


def class_colour(index: int) -> str:
    """The colour of a class in charts: that of its mask, and of the text in place of black."""
    return "ink" if index == 0 else css(colour_of(index))


def clear_of(mask: Int64[torch.Tensor, "n h w"], background: int | None) -> Bool[np.ndarray, "n h w"]:
    """The pixels that a layer of classes leaves clear: those of the background."""
    return mask.numpy() == (-1 if background is None else background)


def inside_of(mask: Int64[torch.Tensor, "n h w"], background: int | None) -> Bool[np.ndarray, "n h w"]:
    """The pixels that a layer of outlines leaves clear: the background, and what touches no other class."""
    values = mask.numpy()
    around = np.pad(values, ((0, 0), (1, 1), (1, 1)), mode="edge")
    others = (around[:, :-2, 1:-1], around[:, 2:, 1:-1], around[:, 1:-1, :-2], around[:, 1:-1, 2:])
    return np.all([values == other for other in others], axis=0) | clear_of(mask, background)
