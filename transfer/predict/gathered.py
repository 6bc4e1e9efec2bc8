"""The pieces of an image, joined."""

from collections.abc import Iterable

import numpy as np

from common.data.classes import IGNORE
from transfer.predict.formats.result import Result
from transfer.predict.network import Piece
from transfer.predict.objects import Found
from transfer.predict.photos import Original
from transfer.predict.probabilities import MOST, Chances


class Gathered:
    """What is kept of an image's pieces: a mask, and maps of 16 bits; of probabilities a piece at a time."""

    def __init__(self, photo: Original, size: tuple[int, int], least: float | None, *, confidence: bool) -> None:
        """`least`: the probability below which a pixel has no class; `confidence`: keep that of the likeliest class."""
        self.photo, self.mask, self.least = photo, np.empty(size, np.uint8), least
        self.confidence = np.empty(size, np.uint16) if confidence else None
        self.uncertainty: np.ndarray | None = None

    def result(self, found: Found) -> Result:
        """The image, when all pieces are there, with the parts of its mask."""
        return Result(self.photo, self.mask, found, self.confidence, self.uncertainty)

    def take(self, pieces: Iterable[Piece], chances: Chances | None = None) -> None:
        """Take the pieces of an image, and hand their probabilities on to `chances`."""
        for rows, columns, mask, probabilities, uncertainty in pieces:
            self.mask[rows, columns] = mask
            if uncertainty is not None:
                if self.uncertainty is None:
                    self.uncertainty = np.empty(self.mask.shape, np.uint16)
                self.uncertainty[rows, columns] = np.rint(uncertainty * MOST)
            if probabilities is None:
                continue
            best = probabilities.max(0)
            if self.confidence is not None:
                self.confidence[rows, columns] = np.rint(best * MOST)
            if self.least is not None:
                self.mask[rows, columns][best < self.least] = IGNORE
            if chances is not None:
                chances(rows, columns, probabilities)
