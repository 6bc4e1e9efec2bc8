"""Intervals over test images against what is known of them."""

import math

import numpy as np
import pytest
import scipy.stats

from transfer.metrics.bootstrap import resampled_totals, seeds_difference
from transfer.metrics.scores import Scores

NAMES = ("ground", "pet")


def counts(accuracies, pixels=1000):
    """Confusion matrices of two classes, of images with these accuracies and equal numbers of pixels."""
    right = np.round(np.asarray(accuracies) * pixels / 2).astype(np.int64)
    wrong = pixels // 2 - right
    return np.stack([np.stack([right, wrong], -1), np.stack([wrong, right], -1)], -2)


def accuracy(matrix):
    return np.trace(matrix) / matrix.sum()


def drawn(count=120, seed=0, mean=0.7):
    return np.clip(np.random.default_rng(seed).normal(mean, 0.1, count), 0, 1)


def test_totals_are_those_of_as_many_images_drawn_with_replacement():
    one_hot = np.zeros((5, 5, 5), dtype=np.int64)
    one_hot[np.arange(5), np.arange(5), np.arange(5)] = 1  # the total counts how often each image was drawn
    times = resampled_totals(one_hot).diagonal(axis1=1, axis2=2)
    assert (times.sum(1) == 5).all()
    assert times.mean(0) == pytest.approx([1] * 5, abs=0.1)
    assert times.var() == pytest.approx(0.8, abs=0.05), "of a binomial distribution of 5 draws"


def test_equal_seeds_draw_equal_images_and_other_seeds_others():
    images = counts(drawn())
    first, again, other = (resampled_totals(images, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_fewer_than_two_images_are_not_drawn():
    assert len(resampled_totals(counts([0.7]))) == 0
    assert len(resampled_totals(counts([]))) == 0


def test_where_all_images_are_alike_the_difference_is_that_of_a_paired_t_test():
    ours, theirs = (np.array([[c] * 30 for c in (0.72, 0.70, 0.75)]), np.array([[c] * 30 for c in (0.66, 0.69, 0.68)]))
    ours, theirs = (np.stack([counts(each) for each in one]) for one in (ours, theirs))
    found = seeds_difference(ours, theirs, "pixel_accuracy")
    each = [[accuracy(run.sum(0)) for run in one] for one in (ours, theirs)]
    expected = scipy.stats.ttest_rel(*each).confidence_interval()
    assert found.value == pytest.approx(np.subtract(*each).mean())
    assert [found.low, found.high] == pytest.approx([expected.low, expected.high])


def test_where_all_seeds_are_alike_the_difference_is_that_of_paired_images():
    ours, theirs = counts(drawn(seed=1)), counts(drawn(seed=2, mean=0.68))
    expected = Scores(ours, NAMES).difference(Scores(theirs, NAMES), "mean_iou")
    found = seeds_difference(np.stack([ours] * 3), np.stack([theirs] * 3), "mean_iou")
    assert found.value == pytest.approx(expected.value)
    assert [found.low, found.high] == pytest.approx([expected.low, expected.high], abs=0.005)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_two_equal_ways_of_training_are_told_apart_about_once_in_twenty(seeds):
    random, sure, seen, tries = np.random.default_rng(seeds), 0, 0, 120

    def stacked(runs):
        return np.stack([counts(np.clip(run, 0, 1)) for run in runs])

    for _ in range(tries):
        images = random.normal(0, 0.05, (2, 1, 25))  # what a way of training does well, whatever its seed
        each = 0.7 + images + random.normal(0, 0.01, (2, seeds, 1)) + random.normal(0, 0.02, (2, seeds, 25))
        theirs = stacked(each[1])
        sure += seeds_difference(stacked(each[0]), theirs, "pixel_accuracy").sure
        seen += seeds_difference(stacked(each[0] + 0.08), theirs, "pixel_accuracy").sure
    assert 0 < sure / tries < 0.11
    assert seen / tries > 0.8, "a difference of nearly five of its standard errors is seen"


def test_one_seed_has_a_difference_and_no_interval():
    ours, theirs = counts(drawn(seed=1)), counts(drawn(seed=2, mean=0.68))
    found = seeds_difference(ours[None], theirs[None], "mean_iou")
    assert found.value == pytest.approx(Scores(ours, NAMES).mean_iou - Scores(theirs, NAMES).mean_iou)
    assert math.isnan(found.low)
    assert not found.sure


def test_equal_runs_differ_by_nothing():
    same = np.stack([counts(drawn(seed=s)) for s in range(3)])
    assert seeds_difference(same, same, "mean_iou") == (0, 0, 0)
