"""Intervals over test images against what is known of them."""

import math

import numpy as np
import pytest
import scipy.stats

from transfer.metrics.bootstrap import interval, paired_difference, seeds_difference


def counts(accuracies, pixels=1000):
    """Confusion matrices of two classes, of images with these accuracies and equal numbers of pixels."""
    right = np.round(np.asarray(accuracies) * pixels / 2).astype(np.int64)
    wrong = pixels // 2 - right
    return np.stack([np.stack([right, wrong], -1), np.stack([wrong, right], -1)], -2)


def accuracy(matrix):
    return np.trace(matrix) / matrix.sum()


def drawn(count=120, seed=0, mean=0.7):
    return np.clip(np.random.default_rng(seed).normal(mean, 0.1, count), 0, 1)


def test_the_interval_of_a_mean_is_that_of_the_normal_distribution():
    accuracies = drawn()
    found = interval(counts(accuracies), "pixel_accuracy")
    error = accuracies.std() / len(accuracies) ** 0.5
    assert found.value == pytest.approx(accuracies.mean(), abs=1e-3)
    assert found.low == pytest.approx(accuracies.mean() - 1.96 * error, abs=0.15 * error)
    assert found.high == pytest.approx(accuracies.mean() + 1.96 * error, abs=0.15 * error)


def test_images_are_drawn_in_pairs():
    accuracies = drawn(mean=0.6)
    found = paired_difference(counts(accuracies + 0.1), counts(accuracies), "pixel_accuracy")
    assert found.low == pytest.approx(0.1, abs=2e-3)
    assert found.high == pytest.approx(0.1, abs=2e-3)
    assert found.sure


def test_the_interval_is_the_percentiles_of_scores_of_resampled_data_sets():
    ours, theirs = counts(drawn(seed=1)), counts(drawn(seed=2, mean=0.68))
    random = np.random.default_rng(5)

    def iou(matrices):
        total = matrices.sum(0)
        return np.mean([total[k, k] / (total[k].sum() + total[:, k].sum() - total[k, k]) for k in range(2)])

    differences = []
    for _ in range(2000):
        chosen = random.integers(0, len(ours), len(ours))
        differences.append(iou(ours[chosen]) - iou(theirs[chosen]))
    found = paired_difference(ours, theirs, "mean_iou")
    assert found.value == pytest.approx(iou(ours) - iou(theirs))
    assert [found.low, found.high] == pytest.approx(np.percentile(differences, [2.5, 97.5]), abs=2e-3)


def test_a_run_does_not_differ_from_itself():
    same = counts(drawn())
    assert tuple(paired_difference(same, same, "mean_iou")) == (0, 0, 0)
    assert not paired_difference(same, same, "mean_iou").sure


def test_equal_seeds_give_equal_intervals():
    ours, theirs = counts(drawn(seed=1)), counts(drawn(seed=2))
    first, again, other = (paired_difference(ours, theirs, "mean_iou", seed=seed) for seed in (0, 0, 1))
    assert first == again != other


def test_one_image_has_no_interval_and_no_pixels_no_score():
    alone = interval(counts([0.7]), "pixel_accuracy")
    assert alone.value == pytest.approx(0.7)
    assert math.isnan(alone.low)
    assert not alone.sure
    nothing = interval(np.zeros((3, 2, 2), dtype=np.int64), "mean_iou")
    assert all(map(math.isnan, nothing))
    assert not nothing.sure


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
    expected = paired_difference(ours, theirs, "mean_iou")
    found = seeds_difference(np.stack([ours] * 3), np.stack([theirs] * 3), "mean_iou")
    assert found.value == pytest.approx(expected.value)
    assert [found.low, found.high] == pytest.approx([expected.low, expected.high], abs=0.005)


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
    assert found.value == pytest.approx(paired_difference(ours, theirs, "mean_iou").value)
    assert math.isnan(found.low)
    assert not found.sure


def test_equal_runs_differ_by_nothing():
    same = np.stack([counts(drawn(seed=s)) for s in range(3)])
    assert seeds_difference(same, same, "mean_iou") == (0, 0, 0)
