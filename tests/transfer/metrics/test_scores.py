"""What a network scored, against loops, SciPy and what is known of intervals."""

import json
import math

import numpy as np
import pytest
import scipy.stats
import torch

from common.metrics import PER_CLASS, confusion, confusion_scores
from transfer.metrics.scores import Scores

NAMES = ("background", "cat", "dog", "bird")
TWO = ("ground", "pet")


def segmented(*, absent=(), never_predicted=(), seed=0, images=3):
    """Scores of predictions of four classes, half of them right, with ignored pixels."""
    random = torch.Generator().manual_seed(seed)
    mask = torch.randint(0, 4, (images, 7, 9), generator=random)
    prediction = torch.randint(0, 4, mask.shape, generator=random)
    prediction = mask.where(torch.rand(mask.shape, generator=random) < 0.5, prediction)
    for k in absent:
        mask[mask == k] = 0
    for k in never_predicted:
        prediction[prediction == k] = 0
    mask[torch.rand(mask.shape, generator=random) < 0.2] = 255
    return Scores(confusion(prediction, mask, 4).numpy(), NAMES)


def of_accuracy(accuracies, pixels=1000):
    """Scores of two classes, of images with these accuracies and equal numbers of pixels."""
    right = np.round(np.asarray(accuracies) * pixels / 2).astype(np.int64)
    wrong = pixels // 2 - right
    return Scores(np.stack([np.stack([right, wrong], -1), np.stack([wrong, right], -1)], -2), TWO)


def drawn(count=120, seed=0, mean=0.7):
    return np.clip(np.random.default_rng(seed).normal(mean, 0.1, count), 0, 1)


def nothing(images=3):
    return Scores(np.zeros((images, 4, 4), dtype=np.int64), NAMES)


def test_scores_are_those_of_all_pixels_and_those_of_each_image():
    scores = segmented()
    overall = confusion_scores(scores.counts.sum(0))
    assert scores.mean_iou == scores.means["mean_iou"] == overall["mean_iou"]
    for metric in PER_CLASS:
        np.testing.assert_array_equal(scores.per_class[metric], overall[metric])
    for index, counts in enumerate(scores.counts):
        for metric, values in confusion_scores(counts).items():
            np.testing.assert_array_equal(scores.per_image[metric][index], values)


def test_image_means_leave_out_images_without_the_score():
    counts = segmented().counts.copy()
    counts[0] = 0
    counts[1, 2], counts[1, :, 2] = 0, 0
    scores = Scores(counts, NAMES)
    for metric in ("pixel_accuracy", "mean_iou", "mean_foreground_dice"):
        assert scores.image_means[metric] == pytest.approx(scores.per_image[metric][1:].mean())
    for metric in PER_CLASS:
        assert scores.image_means[metric][0] == pytest.approx(scores.per_image[metric][1:, 0].mean())
        assert scores.image_means[metric][2] == pytest.approx(scores.per_image[metric][2, 2])


def test_metrics_json_names_the_scores_of_the_data_set_and_of_the_images():
    scores = segmented()
    told = scores.to_dict()
    assert set(told) == {
        "pixel_accuracy", "mean_iou", "mean_dice", "mean_foreground_dice", "mean_precision", "mean_recall",
        "per_class", "image_mean",
    }  # fmt: skip
    assert set(told["image_mean"]) == set(told) - {"image_mean"}
    assert told["mean_iou"] == scores.mean_iou
    assert told["per_class"]["dog"] == {metric: scores.per_class[metric][2] for metric in PER_CLASS}
    assert told["image_mean"]["per_class"]["cat"]["recall"] == scores.image_means["recall"][1]
    assert json.loads(json.dumps(told)) == told


def test_metrics_json_of_nothing_labelled_has_no_scores():
    told = nothing().to_dict()
    assert told["per_class"] == dict.fromkeys(NAMES, dict.fromkeys(PER_CLASS))
    assert told["mean_iou"] is told["pixel_accuracy"] is told["image_mean"]["mean_iou"] is None
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_only_background_leaves_no_foreground_dice():
    counts = np.zeros((1, 4, 4), dtype=np.int64)
    counts[0, 0, 0] = 16
    told = Scores(counts, NAMES).to_dict()
    assert told["mean_foreground_dice"] is None
    assert told["mean_dice"] == 1


def test_names_that_are_not_one_a_class_are_our_mistake():
    with pytest.raises(AssertionError, match="a name for each class"):
        Scores(segmented().counts, NAMES[:3])


def test_silent_classes_are_in_the_truth_and_never_predicted():
    assert segmented().silent_classes == []
    assert segmented(never_predicted=(1,)).silent_classes == ["cat"]
    assert segmented(absent=(3,), never_predicted=(1, 3)).silent_classes == ["cat"]


def test_the_interval_of_a_mean_is_students_on_the_logit_scale():
    accuracies = np.round(drawn() * 500) / 500
    value, low, high = of_accuracy(accuracies).interval("pixel_accuracy")
    theirs = scipy.stats.t.interval(0.95, len(accuracies) - 1, loc=value, scale=scipy.stats.sem(accuracies))
    middle, slope = scipy.special.logit(value), 1 / (value * (1 - value))
    assert value == pytest.approx(accuracies.mean())
    for end, other in ((low, theirs[0]), (high, theirs[1])):
        assert scipy.special.logit(end) - middle == pytest.approx((other - value) * slope, rel=0.03)


def test_the_intervals_of_classes_with_equal_scores_are_that_of_their_mean():
    scores = of_accuracy(drawn())
    assert scores.intervals("iou") == [scores.interval("mean_iou")] * 2


def test_a_class_that_one_image_shows_has_no_interval_and_one_that_few_show_a_wide_one():
    counts = np.zeros((40, 4, 4), dtype=np.int64)
    counts[:, 0, 0] = 10
    counts[0, 1, 1], counts[0, 1, 0] = 5, 5  # cats in one image
    counts[:3, 2, 2], counts[:3, 2, 0] = (4, 5, 6), (6, 5, 4)  # dogs in three
    _, cat, dog, bird = Scores(counts, NAMES).intervals("dice")
    assert cat.value == pytest.approx(2 / 3)
    assert math.isnan(cat.low)
    assert all(map(math.isnan, bird))
    three = Scores(counts[:3], NAMES).intervals("dice")[2]
    assert dog.high - dog.low > 0.7 * (three.high - three.low), "37 images without dogs tell little of them"


@pytest.mark.parametrize("accuracies", [[0.99, 0.97, 1.0], [0.01, 0.0, 0.05], [0.1, 0.9]])
def test_intervals_lie_within_the_range_of_their_score(accuracies):
    scores, worst = of_accuracy(accuracies), of_accuracy([0.0] * len(accuracies))
    for metric in ("pixel_accuracy", "mean_iou", "mean_foreground_dice"):
        value, low, high = scores.interval(metric)
        assert 0 <= low < value < high <= 1
        difference = scores.difference(worst, metric)
        assert -1 <= difference.low <= difference.value <= difference.high <= 1


@pytest.mark.parametrize("accuracy", [0.0, 0.7, 1.0])
def test_images_without_any_spread_have_an_interval_without_width(accuracy):
    alike = of_accuracy([accuracy] * 9)
    assert alike.interval("pixel_accuracy") == pytest.approx([accuracy] * 3)
    assert alike.difference(of_accuracy([0.5] * 9), "pixel_accuracy")[:3] == pytest.approx([accuracy - 0.5] * 3)


def test_images_are_left_out_in_pairs():
    accuracies = drawn(mean=0.6)
    difference = of_accuracy(accuracies + 0.1).difference(of_accuracy(accuracies), "pixel_accuracy")
    assert difference.low == pytest.approx(0.1, abs=2e-3)
    assert difference.high == pytest.approx(0.1, abs=2e-3)
    assert difference.verdict == "too few to tell: 1 seed", "two networks are not two ways of training"


def test_a_difference_has_the_interval_of_a_paired_t_test():
    ours, theirs = np.round(drawn(seed=1) * 500) / 500, np.round(drawn(seed=2, mean=0.68) * 500) / 500
    found = of_accuracy(ours).difference(of_accuracy(theirs), "pixel_accuracy")
    expected = scipy.stats.ttest_rel(ours, theirs).confidence_interval()
    assert found.value == pytest.approx((ours - theirs).mean())
    assert [found.low, found.high] == pytest.approx([expected.low, expected.high], abs=1e-3)


def test_a_run_does_not_differ_from_itself():
    difference = of_accuracy(drawn()).difference(of_accuracy(drawn()), "mean_iou")
    assert difference.interval == (0, 0, 0)


def test_equal_images_give_equal_intervals():
    assert of_accuracy(drawn()).interval("mean_iou") == of_accuracy(drawn()).interval("mean_iou")


def test_one_image_has_no_interval_and_no_pixels_no_score():
    alone = of_accuracy([0.7]).interval("pixel_accuracy")
    assert alone.value == pytest.approx(0.7)
    assert math.isnan(alone.low)
    for images in (0, 1, 3):
        assert all(map(math.isnan, nothing(images).interval("mean_iou")))
