"""Small pictures of the suggestions: the image, its draft and where the network is uncertain."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import UInt8

from common.colours import heat
from common.doctor.pictures import SIDE, sheet_of
from common.figures import save_picture
from common.overlay import overlay_mask
from common.report.images import EXACT, SMOOTH, fitted, three_channels
from transfer.metrics.quality import entropy
from transfer.predict.photos import Original
from transfer.segmenter import Segmenter

LARGE = 256
"""Side in pixels of a picture on the page."""


class Picture(NamedTuple):
    """An image, the same under its draft, and where its pixels are uncertain, at most LARGE pixels a side."""

    image: UInt8[np.ndarray, "h w 3"]
    draft: UInt8[np.ndarray, "h w 3"]
    uncertain: UInt8[np.ndarray, "h w 3"]


def picture_of(model: Segmenter, photo: Original, *, batch_size: int) -> tuple[UInt8[np.ndarray, "p q"], Picture]:
    """The mask that a network predicts for an image at its own size, and the picture of both."""
    image = photo.full
    if model.tiling is None:
        size = image.shape[:2]
        [found] = model.segment(model.fitting.framed(image)[None], [size], probabilities=True)
    else:
        found = model.segment_whole(image, batch_size=batch_size, probabilities=True)
    assert found.probabilities is not None, "they were asked for"
    unsure = entropy(torch.from_numpy(found.probabilities)[None])[0].numpy()
    small = fitted(three_channels(image), LARGE, SMOOTH)
    draft = overlay_mask(small, fitted(found.mask, LARGE, EXACT), model.background)
    return found.mask, Picture(small, draft, fitted(heat(unsure[None], "magma")[0], LARGE, SMOOTH))


def write_sheet(path: Path, pictures: Sequence[Picture]) -> None:
    """Write the suggestions under their drafts as one picture, with their ranks. Raises OSError."""
    save_picture(sheet_of([_numbered(one.draft, rank) for rank, one in enumerate(pictures, start=1)]), path)


def _numbered(picture: UInt8[np.ndarray, "h w 3"], rank: int) -> UInt8[np.ndarray, "p q 3"]:
    """A picture with its rank in the corner."""
    small = fitted(picture, SIDE, SMOOTH).copy()
    for colour, thick in (((0, 0, 0), 4), ((255, 255, 255), 1)):
        cv2.putText(small, str(rank), (4, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.55, colour, thick, cv2.LINE_AA)
    return small
