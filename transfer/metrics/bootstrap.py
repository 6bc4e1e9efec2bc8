"""How sure a score, or a difference of two scores, is: by drawing the test images again."""

import numpy as np
from jaxtyping import Float, Float64, Int64
from scipy.special import stdtrit

from common.intervals import Interval
from common.metrics import confusion_scores

RESAMPLES = 2000


def resampled_totals(counts: Int64[np.ndarray, "n k k"], *, seed: int = 0) -> Int64[np.ndarray, "d k k"]:
    """Sum the confusion matrices of as many images, drawn with replacement, 2000 times.

    Equal seeds draw the same images of data sets of equal size, so that two networks are compared in pairs.

    Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 6. How often each image is drawn has a
    multinomial distribution. Fewer than two images are not drawn (d is 0): their spread is unknown.
    """
    return np.tensordot(_times_drawn(len(counts), seed), counts, axes=(-1, 0))


def percentile_interval(value: float, draws: Float64[np.ndarray, " d"]) -> Interval:
    """A value with the 2.5th and the 97.5th percentile of what it is in data sets drawn again.

    Draws that are NaN are left out. NaN ends where the value is NaN, or no draw is left.

    Source: Efron & Tibshirani 1993, chapter 13.
    """
    known = draws[~np.isnan(draws)]
    if np.isnan(value) or not len(known):
        return Interval(value, np.nan, np.nan)
    low, high = np.percentile(known, (2.5, 97.5))
    return Interval(value, float(low), float(high))


def seeds_difference(
    ours: Int64[np.ndarray, "s n k k"], theirs: Int64[np.ndarray, "s n k k"], metric: str, *, seed: int = 0
) -> Interval:
    """How much better one way of training scores than another, over seeds (first axis, in pairs) and test images.

    The value is the mean of the seeds' differences. Its variance is that of a mean over seeds plus that over test
    images drawn again in pairs; few seeds make Student's t wide, by as many degrees of freedom as the sum of the two
    has. NaN ends for one seed or one image, because their spread is unknown.

    Source: Satterthwaite 1946, An approximate distribution of estimates of variance components, doi 10.2307/3002019;
    Efron & Tibshirani 1993 (images).
    """
    seeds, images = ours.shape[:2]

    def differences(times: Int64[np.ndarray, "d n"]) -> Float[np.ndarray, "d s"]:
        totals = [np.einsum("dn,snij->dsij", times, counts, optimize=True) for counts in (ours, theirs)]
        better, worse = (confusion_scores(total)[metric] for total in totals)
        return better - worse

    each_seed = differences(np.ones((1, images), dtype=np.int64))[0]
    value = float(each_seed.mean())
    if min(seeds, images) < 2 or np.isnan(value):
        return Interval(value, np.nan, np.nan)
    over_seeds = each_seed.var(ddof=1) / seeds
    over_images = float(np.nanvar(differences(_times_drawn(images, seed)).mean(1)))
    both = float(over_seeds + over_images)
    if both == 0:
        return Interval(value, value, value)
    freedom = (seeds - 1) * (both / over_seeds) ** 2 if over_seeds else np.inf
    reach = float(stdtrit(freedom, 0.975)) * both**0.5
    return Interval(value, value - reach, value + reach)


def _times_drawn(images: int, seed: int) -> Int64[np.ndarray, "d n"]:
    """How often each image is in each drawn data set; each row sums to the number of images. None of fewer than two."""
    if images < 2:
        return np.zeros((0, images), dtype=np.int64)
    return np.random.default_rng(seed).multinomial(images, np.full(images, 1 / images), size=RESAMPLES)
