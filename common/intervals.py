"""How sure a figure is."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import stdtrit


class Interval(NamedTuple):
    """A value with the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def sure(self) -> bool:
        """Whether 0 lies outside."""
        return self.low > 0 or self.high < 0


def mean_interval(values: Float[np.ndarray, " n"]) -> Interval:
    """The mean with the 95 % interval of Student's t; of one value or equal ones, the value thrice.

    Source: Student 1908, The probable error of a mean, doi 10.1093/biomet/6.1.1.
    """
    mean = float(values.mean())
    error = float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else 0.0
    reach = error * float(stdtrit(max(len(values) - 1, 1), 0.975))
    return Interval(mean, mean - reach, mean + reach)
