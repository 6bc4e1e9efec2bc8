"""How sure a score, or a difference of two, is: by leaving out each test image, and each seed, in turn."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float64, Int64

from common.intervals import Difference, Interval
from common.metrics import confusion_scores

ROUNDING = 1e-12
"""A standard error that is as good as none."""


@dataclass(frozen=True, eq=False)
class Spread:
    """What a score is, seed by seed: on all test images, and on all but one."""

    each: Float64[np.ndarray, " s"]
    left_out: Float64[np.ndarray, "s n"]

    def __sub__(self, other: "Spread") -> "Spread":
        """The difference in pairs of equal seed and equal images."""
        return Spread(self.each - other.each, self.left_out - other.left_out)

    @property
    def value(self) -> float:
        """The mean over the seeds."""
        return float(self.each.mean())

    @property
    def known(self) -> bool:
        """Whether there are two images or more that bear on the score: without any one of them it still exists."""
        return self.left_out.shape[1] > 1 and not (np.isnan(self.each).any() or np.isnan(self.left_out).any())

    @cached_property
    def reach(self) -> float:
        """How far the 95 % interval of Student's t goes to either side.

        The variance is that of a mean over images, plus that of a mean over seeds. Each has degrees of freedom: seeds
        as many as there are but one; images fewer, the heavier the tails of what leaving one out changes. Odd images
        and classes that few images show so make the interval wide.

        Source: Tukey 1958, Bias and confidence in not quite large samples (jackknife); Satterthwaite 1946, doi
        10.2307/3002019, and Lipsitz, Ibrahim & Parzen 1999, The Statistician 48, 495 (degrees of freedom); Cramer
        1946, Mathematical Methods of Statistics, section 27.4 (the variance of a variance).
        """
        seeds, images = self.left_out.shape
        squares = (self.left_out.mean(0) - self.left_out.mean()) ** 2
        over_images = (images - 1) / images * float(squares.sum())
        over_seeds = float(self.each.var(ddof=1)) / seeds if seeds > 1 else 0.0
        variance = over_images + over_seeds
        if variance < ROUNDING**2:
            return 0.0
        uncertainty = over_images**2 * (1 / (images - 1) + _excess(squares) / (2 * images))
        uncertainty += over_seeds**2 / max(seeds - 1, 1)
        from scipy.special import stdtrit  # now, as in `score_interval`

        return float(stdtrit(variance**2 / uncertainty, 0.975)) * variance**0.5


def _excess(squares: Float64[np.ndarray, " n"]) -> float:
    """How much heavier than a normal distribution's the tails are, from squared deviations; never below 0.

    0 of fewer than four values, and of equal ones.

    Source: Joanes & Gill 1998, doi 10.1111/1467-9884.00122 (G2, which normal samples do not bias).
    """
    count = len(squares)
    if count < 4 or not squares.any():
        return 0.0
    plain = float((squares**2).mean() / squares.mean() ** 2) - 3
    return max((count - 1) / ((count - 2) * (count - 3)) * ((count + 1) * plain + 6), 0.0)


def spreads(
    counts: Int64[np.ndarray, "s n k k"], background: int | None = 0
) -> dict[str, Float64[np.ndarray, "s m ..."]]:
    """Every score of every seed: first on all n images, then on all but one of them, m = n + 1."""
    totals = [run.sum(0) - np.insert(run, 0, 0, axis=0) for run in counts]
    scores = [confusion_scores(total, background) for total in totals]
    return {metric: np.stack([one[metric] for one in scores]) for metric in scores[0]}


def spread_of(values: Float64[np.ndarray, "s m"]) -> Spread:
    """One score from `spreads`."""
    return Spread(values[:, 0], values[:, 1:])


def score_interval(spread: Spread) -> Interval:
    """A score in [0, 1] with its 95 % interval over images (and seeds, of more than one), in [0, 1] too.

    NaN ends where fewer than two images bear on the score. Of images without any spread it is the value thrice.

    Source: logit intervals for proportions, Brown, Cai & DasGupta 2001, doi 10.1214/ss/1009213286 (logit interval).
    """
    value = spread.value
    if not spread.known:
        return Interval(value, np.nan, np.nan)
    if spread.reach == 0 or not 0 < value < 1:
        return Interval(value, value, value)
    from scipy.special import expit, logit  # now: a training needs none, and it takes half a second

    middle, reach = float(logit(value)), spread.reach / (value * (1 - value))
    return Interval(value, float(expit(middle - reach)), float(expit(middle + reach)))


def difference_interval(spread: Spread) -> Interval:
    """A difference of two scores with its 95 % interval, both in [-1, 1]; otherwise as `score_interval`."""
    value = spread.value
    if not spread.known:
        return Interval(value, np.nan, np.nan)
    return Interval(value, max(value - spread.reach, -1.0), min(value + spread.reach, 1.0))


def seeds_score(counts: Int64[np.ndarray, "s n k k"], metric: str) -> list[Interval]:
    """A score of one way of training, over seeds (first axis) and test images; of each class, if the score has one.

    NaN ends for one seed: how far seeds lie apart is unknown.
    """
    values = spreads(counts)[metric]
    found = [spread_of(column) for column in np.moveaxis(values.reshape(*values.shape[:2], -1), -1, 0)]
    return [score_interval(one) if len(counts) > 1 else Interval(one.value, np.nan, np.nan) for one in found]


def seeds_difference(
    ours: Int64[np.ndarray, "s n k k"], theirs: Int64[np.ndarray, "s n k k"], metric: str
) -> Difference:
    """How much better one way of training scores than another, over seeds (first axis, in pairs) and test images.

    The value is the mean of the seeds' differences. NaN ends for one seed: how far seeds lie apart is unknown.
    """
    seeds, images = ours.shape[:2]
    spread = spread_of(spreads(ours)[metric]) - spread_of(spreads(theirs)[metric])
    found = difference_interval(spread)
    ends = found[1:] if seeds > 1 else (np.nan, np.nan)
    return Difference(found.value, *ends, images=images, seeds=seeds)
