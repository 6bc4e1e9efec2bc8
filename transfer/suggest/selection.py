"""Which of the uncertain images are worth a mask: those far from each other, and from what is labelled."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from common.embedding import standardised


class Choice(NamedTuple):
    """An image that was chosen."""

    position: int
    """Its position among the candidates."""
    nearest: int | None
    """The position of what is nearest to it, among the labelled images and then the candidates; None for nothing."""
    distance: float
    """How far away that is, in the space of the encoder, per dimension; 0 for nothing."""


def k_centre(candidates: Float[np.ndarray, "n d"], labelled: Float[np.ndarray, "m d"], *, count: int) -> list[Choice]:
    """Choose images one after the other, each the farthest from all that are labelled or chosen by then.

    Distances are Euclidean, of coordinates brought to variance 1, divided by the root of their number. Without a
    labelled image the first candidate is the first choice; of equally far ones the first is.

    Source: Sener & Savarese 2018, Active Learning for Convolutional Neural Networks: A Core-Set Approach, arXiv
    1708.00489, algorithm 1.
    Deviation: the candidates are the most uncertain images.
    """
    everything = standardised(np.concatenate([labelled, candidates]).astype(np.float64))
    everything /= everything.shape[1] ** 0.5
    points, offset = everything[len(labelled) :], len(labelled)
    far, nearest = np.full(len(points), np.inf), np.full(len(points), -1)

    def take(position: int) -> None:
        distance = np.linalg.norm(points - everything[position], axis=1)
        nearest[distance < far] = position
        np.minimum(far, distance, out=far)

    for position in range(offset):
        take(position)
    chosen: list[Choice] = []
    for _ in range(min(count, len(points))):
        index = int(far.argmax())
        known = bool(np.isfinite(far[index]))
        chosen.append(Choice(index, int(nearest[index]) if known else None, float(far[index]) if known else 0.0))
        take(offset + index)
        far[index] = -np.inf
    return chosen
