"""What a network scored on a set of images."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from common.intervals import Difference, Interval
from common.metrics import PER_CLASS, confusion_scores, mean_of_known
from transfer.metrics.jackknife import difference_interval, score_interval, spread_of, spreads


@dataclass(frozen=True, eq=False)
class Scores:
    """The confusion matrix of each image, and every score that follows from them.

    Scores are in [0, 1], and NaN where there is nothing to score: see `common.metrics.confusion_scores`. Metrics with
    one value a data set are "mean_iou", "mean_dice", "mean_precision", "mean_recall", "mean_foreground_dice" and
    "pixel_accuracy"; those with one a class are "iou", "dice", "precision" and "recall".
    """

    counts: Int64[np.ndarray, "n k k"]
    """Pixels of the class in the row that were predicted as the class in the column."""
    names: tuple[str, ...]
    """One for each class."""
    background: int | None = 0
    """The class that is no object; None where every class is one."""

    def __post_init__(self) -> None:
        assert len(self.names) == self.counts.shape[1], "a name for each class"

    def __len__(self) -> int:
        return len(self.counts)

    @cached_property
    def total(self) -> Int64[np.ndarray, "k k"]:
        """The confusion matrix of all pixels together."""
        return self.counts.sum(0)

    @cached_property
    def means(self) -> dict[str, float]:
        """The scores of all pixels together that have one value a data set."""
        return {name: float(value) for name, value in self._overall.items() if name not in PER_CLASS}

    @cached_property
    def per_class(self) -> dict[str, Float64[np.ndarray, " k"]]:
        """The scores of all pixels together that each class has."""
        return {name: self._overall[name] for name in PER_CLASS}

    @cached_property
    def per_image(self) -> dict[str, Float64[np.ndarray, "n ..."]]:
        """The scores of every image by itself."""
        return confusion_scores(self.counts, self.background)

    @cached_property
    def image_means(self) -> dict[str, Float64[np.ndarray, "..."]]:
        """The images' own scores, averaged over those that have one."""
        return {name: mean_of_known(value, axis=0) for name, value in self.per_image.items()}

    @property
    def mean_iou(self) -> float:
        """The mean of the classes' IoU, all pixels together."""
        return self.means["mean_iou"]

    @property
    def dice_words(self) -> str:
        """What "mean_foreground_dice" is called."""
        return "mean Dice" if self.background is None else "foreground Dice"

    @property
    def silent_classes(self) -> list[str]:
        """The classes that the truth contains and the network never predicts."""
        silent = (self.total.sum(1) > 0) & (self.total.sum(0) == 0)
        return [name for name, is_silent in zip(self.names, silent, strict=True) if is_silent]

    def interval(self, metric: str) -> Interval:
        """A score of the data set with its 95 % interval over the images, in [0, 1]: see `score_interval`."""
        return score_interval(spread_of(self._spreads[metric]))

    def intervals(self, metric: str) -> list[Interval]:
        """A score of every class with its 95 % interval, as `interval`."""
        return [score_interval(spread_of(column)) for column in np.moveaxis(self._spreads[metric], -1, 0)]

    def difference(self, other: "Scores", metric: str) -> Difference:
        """How much better this network scores than another one on the same images, in the same order.

        One image is left out of both, so that what is hard for both cancels. The interval says how these two networks
        differ on other images, and not how two ways of training do: that takes more seeds.
        """
        assert len(self) == len(other), "differences are of the same images"
        spread = spread_of(self._spreads[metric]) - spread_of(other._spreads[metric])
        return Difference(*difference_interval(spread), images=len(self), seeds=1)

    def to_dict(self) -> dict[str, Any]:
        """Lay out what metrics.json says: the scores of all pixels, and under "image_mean" the images' own in mean.

        None where a score does not exist.
        """
        return {**_by_class(self._overall, self.names), "image_mean": _by_class(self.image_means, self.names)}

    @cached_property
    def _overall(self) -> dict[str, Float64[np.ndarray, "..."]]:
        return confusion_scores(self.total, self.background)

    @cached_property
    def _spreads(self) -> dict[str, Float64[np.ndarray, "1 m ..."]]:
        return spreads(self.counts[None], self.background)


def _by_class(values: Mapping[str, np.ndarray], names: tuple[str, ...]) -> dict[str, Any]:
    means = {name: _number(value) for name, value in values.items() if name not in PER_CLASS}
    columns = zip(names, *(values[metric] for metric in PER_CLASS), strict=True)
    per_class = {name: dict(zip(PER_CLASS, map(_number, column), strict=True)) for name, *column in columns}
    return {**means, "per_class": per_class}


def _number(value: np.ndarray | np.floating) -> float | None:
    return None if np.isnan(value) else float(value)
