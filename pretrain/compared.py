"""What a task asks for beside what a network guesses, and by how much that beats guessing the mean."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Compared:
    """Numbers of cells or of pixels."""

    asked: Float[Tensor, "n d p q"]
    guessed: Float[Tensor, "n d p q"]
    weight: Float[Tensor, "n 1 p q"]
    """How much each cell counts, from 0 to 1."""


class Yardstick:
    """Squared errors of guesses, beside those of the best guess that is the same for all images: the mean."""

    def __init__(self) -> None:
        self._parts: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []

    def add(self, compared: Compared) -> None:
        """Add some images."""
        asked, weight, guessed = (part.cpu().double() for part in (compared.asked, compared.weight, compared.guessed))
        error = (weight * (guessed - asked).square()).sum((1, 2, 3))
        squares = (weight * asked.square()).sum((1, 2, 3))
        self._parts.append((weight.sum((1, 2, 3)), error, squares, (weight * asked).sum((2, 3))))

    def better(self) -> Float[np.ndarray, " n"]:
        """How far each image's error is below that of the mean, as a share of the latter's average over the images.

        1 for perfect guesses, 0 for no better ones. NaN of images in which nothing counts, and of all where they ask
        for the same.
        """
        weights, errors, squares, sums = (torch.cat(part) for part in zip(*self._parts, strict=True))
        mean = sums.sum(0) / weights.sum()
        chance = squares - 2 * sums @ mean + mean.square().sum() * weights
        average = (chance / weights)[weights > 0].mean()
        return ((chance - errors) / weights / torch.where(average > 1e-12, average, torch.nan)).cpu().numpy()
