import numpy as np
import pytest
from scipy import stats

from common.intervals import Difference, mean_interval, too_few


def test_the_interval_equals_scipys():
    values = np.random.default_rng(0).normal(20, 3, 40)
    low, high = stats.t.interval(0.95, len(values) - 1, loc=values.mean(), scale=stats.sem(values))
    assert mean_interval(values) == pytest.approx((values.mean(), low, high))
    assert mean_interval(np.array([3.0])) == (3.0, 3.0, 3.0)
    assert mean_interval(np.append(values, np.nan)) == mean_interval(values)


@pytest.mark.parametrize(
    ("ends", "word"),
    [
        ((0.001, 0.3), "helped"),
        ((-0.3, -0.001), "harmed"),
        ((-0.02, 0.02), "made no difference that shows"),
        ((-0.01, 0.03), "cannot tell"),
        ((-0.03, 0.01), "cannot tell"),
        ((np.nan, np.nan), "cannot tell"),
    ],
)
def test_a_verdict_has_one_of_four_words(ends, word):
    assert Difference(sum(ends) / 2, *ends, images=8, seeds=3).verdict == word
    assert Difference(sum(ends) / 2, *ends, images=300, seeds=5).verdict == word


@pytest.mark.parametrize(
    ("images", "seeds", "lack"),
    [(7, 3, "7 test images"), (8, 2, "2 seeds"), (1, 1, "1 test image, 1 seed"), (0, 3, "0 test images")],
)
def test_too_few_images_or_seeds_have_no_verdict(images, seeds, lack):
    assert Difference(0.2, 0.1, 0.3, images=images, seeds=seeds).verdict == f"too few to tell: {lack}"
    assert too_few(images=images, seeds=seeds) == f"too few to tell: {lack}"


def test_a_score_of_one_network_needs_no_seeds():
    assert too_few(images=8) == ""
    assert too_few(images=7) == "too few to tell: 7 test images"
