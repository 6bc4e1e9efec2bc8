"""How sure a score, or a difference of two scores, is: by drawing the test images again."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int64
from scipy import stats

from common.intervals import Interval
from common.metrics import scores

RESAMPLES = 2000


def paired_difference(
    ours: Int64[np.ndarray, "n k k"], theirs: Int64[np.ndarray, "n k k"], metric: str, *, seed: int = 0
) -> Interval:
    """How much better the first of two networks scores on the same images (confusion matrices in equal order).

    `metric` is one of `common.metrics.scores` that has one value a data set. NaN where that is NaN.

    Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 13 (percentile interval), images drawn
    in pairs.
    """
    return _interval([ours, theirs], lambda values: values[0] - values[1], metric, seed)


def interval(counts: Int64[np.ndarray, "n k k"], metric: str, *, seed: int = 0) -> Interval:
    """The score of a network over these images; otherwise as `paired_difference`."""
    return _interval([counts], lambda values: values[0], metric, seed)


def intervals(counts: Int64[np.ndarray, "n k k"], metric: str, *, seed: int = 0) -> list[Interval]:
    """The same for a score that every class has ("iou", "dice", "precision", "recall"), class by class.

    Draws of images in which a class is nowhere, in truth or prediction, are left out of its interval.
    """
    count = len(counts)
    values = scores(torch.from_numpy(counts.sum(0)))[metric].numpy()
    if count < 2:
        return [Interval(float(value), np.nan, np.nan) for value in values]
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
    found = scores(torch.from_numpy(np.tensordot(drawn, counts, axes=(-1, 0))))[metric].numpy()
    columns = [column[~np.isnan(column)] for column in found.T]
    ends = [np.percentile(column, (2.5, 97.5)) if len(column) else (np.nan, np.nan) for column in columns]
    return [Interval(float(v), float(low), float(high)) for v, (low, high) in zip(values, ends, strict=True)]


def seeds_difference(
    ours: Int64[np.ndarray, "s n k k"], theirs: Int64[np.ndarray, "s n k k"], metric: str, *, seed: int = 0
) -> Interval:
    """How much better one way of training scores than another, over seeds (first axis, in pairs) and test images.

    The value is the mean of the seeds' differences. Its variance is that of a mean over seeds plus that over test
    images drawn again in pairs; few seeds make Student's t wide, by as many degrees of freedom as the sum of the two
    has. NaN ends for one seed or one image: such an interval would tell of less than it seems to.

    Source: Satterthwaite 1946, An approximate distribution of estimates of variance components, doi 10.2307/3002019;
    Efron & Tibshirani 1993 (images).
    """
    seeds, images = ours.shape[:2]

    def differences(times: Int64[np.ndarray, "d n"]) -> Float[np.ndarray, "d s"]:
        sums = [torch.from_numpy(np.einsum("dn,snij->dsij", times, c, optimize=True)) for c in (ours, theirs)]
        better, worse = (scores(total)[metric].numpy() for total in sums)
        return better - worse

    found = differences(np.ones((1, images), dtype=np.int64))[0]
    value = float(found.mean())
    if min(seeds, images) < 2 or np.isnan(value):
        return Interval(value, np.nan, np.nan)
    drawn = np.random.default_rng(seed).multinomial(images, np.full(images, 1 / images), RESAMPLES)
    over_seeds, over_images = found.var(ddof=1) / seeds, float(np.nanvar(differences(drawn).mean(1)))
    both = float(over_seeds + over_images)
    if both == 0:
        return Interval(value, value, value)
    freedom = (seeds - 1) * (both / over_seeds) ** 2 if over_seeds else np.inf
    reach = float(stats.t.ppf(0.975, freedom)) * both**0.5
    return Interval(value, value - reach, value + reach)


def _interval(
    all_counts: Sequence[Int64[np.ndarray, "n k k"]],
    combine: Callable[[list[np.ndarray]], np.ndarray],
    metric: str,
    seed: int,
) -> Interval:
    count = len(all_counts[0])

    def statistic(chosen: Int64[np.ndarray, "... n"], axis: int) -> Float[np.ndarray, "..."]:
        assert axis == -1
        drawn = np.apply_along_axis(np.bincount, -1, chosen, minlength=count)
        sums = [np.tensordot(drawn, counts, axes=(-1, 0)) for counts in all_counts]
        return np.asarray(combine([scores(torch.from_numpy(total))[metric].numpy() for total in sums]))

    value = float(statistic(np.arange(count), axis=-1))
    if count < 2 or np.isnan(value):
        return Interval(value, np.nan, np.nan)
    found = stats.bootstrap(
        (np.arange(count),),
        statistic,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(seed),
        vectorized=True,
        batch=200,
    ).confidence_interval
    return Interval(value, float(found.low), float(found.high))
