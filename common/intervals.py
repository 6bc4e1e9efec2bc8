"""How sure a figure is, and the words for it."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from common.words import counted


class Interval(NamedTuple):
    """A value with the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def known(self) -> bool:
        """Whether it has a width, which one value alone does not give."""
        return self.low < self.high


class Difference(NamedTuple):
    """How much better one thing scores than another, with the ends of its 95 % interval, and on what."""

    value: float
    low: float
    high: float
    images: int
    """Test images."""
    seeds: int
    """Pairs of trainings."""

    @property
    def interval(self) -> Interval:
        """The value and its ends alone."""
        return Interval(self.value, self.low, self.high)

    @property
    def verdict(self) -> str:
        """helped, harmed, made no difference that shows, cannot tell, or what there is too little of to say any.

        It helped or harmed if 0 lies outside the interval. It made no difference that shows if the whole interval lies
        within NO_DIFFERENCE of 0. Otherwise the interval has room for a gain as for none: cannot tell.

        Source: Schuirmann 1987, doi 10.1007/BF01068419 (equivalence); Deviation: by the 95 % and not the 90 % interval.
        """
        if lack := too_few(images=self.images, seeds=self.seeds):
            return lack
        if self.low > 0:
            return HELPED
        if self.high < 0:
            return HARMED
        return EQUAL if max(-self.low, self.high) <= NO_DIFFERENCE else UNCLEAR


HELPED, HARMED, EQUAL, UNCLEAR = "helped", "harmed", "made no difference that shows", "cannot tell"
LEAST_IMAGES, LEAST_SEEDS = 8, 3
"""With fewer, intervals do not hold what they promise, and nothing is said of what helped."""
FEW = 50
"""Below so many labelled images the test part says little, and cross-validation tests each of them once."""
NO_DIFFERENCE = 0.02
"""Largest difference of a score in [0, 1] that is called none."""


def too_few(*, images: int, seeds: int = LEAST_SEEDS) -> str:
    """Say what there is too little of for a verdict: "too few to tell: 4 test images, 1 seed"; "" if there is enough.

    A score of a single network needs no seeds.
    """
    there = [(images, LEAST_IMAGES, "test image"), (seeds, LEAST_SEEDS, "seed")]
    lack = [counted(count, noun) for count, least, noun in there if count < least]
    return f"too few to tell: {', '.join(lack)}" if lack else ""


def mean_interval(values: Float[np.ndarray, " n"]) -> Interval:
    """The mean with the 95 % interval of Student's t; of one value or equal ones, the value thrice. NaN does not count.

    Source: Student 1908, The probable error of a mean, doi 10.1093/biomet/6.1.1.
    """
    from scipy.special import stdtrit  # now: a training needs none, and it takes half a second

    values = values[~np.isnan(values)]
    mean = float(values.mean())
    error = float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else 0.0
    reach = error * float(stdtrit(max(len(values) - 1, 1), 0.975))
    return Interval(mean, mean - reach, mean + reach)
