import numpy as np
import pytest
from scipy import stats

from common.intervals import mean_interval


def test_the_interval_equals_scipys():
    values = np.random.default_rng(0).normal(20, 3, 40)
    low, high = stats.t.interval(0.95, len(values) - 1, loc=values.mean(), scale=stats.sem(values))
    assert mean_interval(values) == pytest.approx((values.mean(), low, high))
    assert mean_interval(np.array([3.0])) == (3.0, 3.0, 3.0)
