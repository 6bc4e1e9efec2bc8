"""Colours of masks, classes and errors."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Int, Int64, UInt8

from common.colours import UNLABELLED, colour_of, colours, css, mix
from common.data.classes import IGNORE

STRIPE, PALE = 2, (224, 224, 224)
"""Width of a stripe in pixels, and the colour of every other one."""
RIGHT, MISSED, INVENTED, CONFUSED = (255, 255, 255), (255, 51, 85), (170, 17, 255), (0, 255, 204)
"""What is right and the kinds of error, in colours that no class of the palette has."""


def paint(mask: Int64[torch.Tensor, "n h w"]) -> UInt8[np.ndarray, "n h w 3"]:
    """Classes in their colours; what is not labelled is hatched in grey."""
    return _hatched(_table(mask.numpy())[mask.numpy()], mask.numpy() == IGNORE)


def _hatched(
    picture: UInt8[np.ndarray, "*n h w 3"], where: Bool[np.ndarray, "*n h w"]
) -> UInt8[np.ndarray, "*n h w 3"]:
    """A picture with grey stripes over the pixels `where` nothing is labelled: no class looks like that."""
    row, column = np.indices(where.shape[-2:])
    stripes = np.where(((row + column) // STRIPE % 2 == 0)[..., None], UNLABELLED, PALE).astype(np.uint8)
    return np.where(where[..., None], stripes, picture)


def _table(mask: Int[np.ndarray, "..."] | UInt8[np.ndarray, "..."]) -> UInt8[np.ndarray, "256 3"]:
    """The colours of the values in a mask."""
    found = np.full((256, 3), UNLABELLED, dtype=np.uint8)
    count = int(mask.max(initial=0, where=mask != IGNORE)) + 1
    found[:count] = colours(count)
    return found


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
    return _hatched(painted, truth.numpy() == IGNORE)


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


OPACITY = 0.45


def overlay_mask(
    image: UInt8[np.ndarray, "h w c"], mask: UInt8[np.ndarray, "h w"], background: int | None = 0
) -> UInt8[np.ndarray, "h w 3"]:
    """The image with every class but the background tinted in its colour; what is not labelled is hatched in grey."""
    tinted = mix(image, _table(mask)[mask], opacity=OPACITY)
    drawn = tinted if background is None else np.where((mask != background)[..., None], tinted, image[..., :3])
    return _hatched(drawn, mask == IGNORE)
