import math

import numpy as np
import oracles
import pytest
import torch
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    jaccard_score,
    precision_score,
    recall_score,
)

from common.metrics import classes_of, confusion, confusion_scores, mean_of_known

METRICS = ("iou", "dice", "precision", "recall")


def segmented(absent=(), never_predicted=(), seed=0):
    """Predictions and masks of four classes for three images, with ignored pixels, half of it right."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.randint(0, 4, (3, 7, 9), generator=generator)
    prediction = torch.randint(0, 4, mask.shape, generator=generator)
    prediction = mask.where(torch.rand(mask.shape, generator=generator) < 0.5, prediction)
    for k in absent:
        mask[mask == k] = 0
    for k in never_predicted:
        prediction[prediction == k] = 0
    mask[torch.rand(mask.shape, generator=generator) < 0.2] = 255
    return prediction, mask


def matrix(prediction, mask):
    return confusion(prediction, mask, 4).sum(0).numpy()


def flat(prediction, mask):
    """Truth and prediction as scikit-learn takes them."""
    return mask[mask != 255].numpy(), prediction[mask != 255].numpy()


CASES = [segmented(), segmented(absent=(1,)), segmented(never_predicted=(2,)), segmented((3,), (2, 3))]


@pytest.mark.parametrize("case", CASES)
def test_confusion_equals_the_loop_and_scikit_learn(case):
    counts = confusion(*case, 4)
    assert counts.tolist() == oracles.confusion(*case, 4)
    for n in range(3):
        assert (counts[n].numpy() == confusion_matrix(*flat(case[0][n], case[1][n]), labels=range(4))).all()


@pytest.mark.parametrize("case", CASES)
def test_class_scores_equal_the_loop(case):
    result = confusion_scores(matrix(*case))
    for k in range(4):
        expected = oracles.class_scores(*case, k) or dict.fromkeys(METRICS, math.nan)
        for name in METRICS:
            assert result[name][k].item() == pytest.approx(expected[name], abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("case", CASES)
def test_class_scores_and_means_equal_scikit_learn(case):
    result, truth_and_guess = confusion_scores(matrix(*case)), flat(*case)
    seen = sorted(set(truth_and_guess[0]) | set(truth_and_guess[1]))
    functions = {"iou": jaccard_score, "dice": f1_score, "precision": precision_score, "recall": recall_score}
    for name, function in functions.items():
        expected = function(*truth_and_guess, labels=seen, average=None, zero_division=0)
        assert result[name][seen].tolist() == pytest.approx(expected.tolist(), abs=1e-12)
        assert result[f"mean_{name}"].item() == pytest.approx(expected.mean(), abs=1e-12)
    assert result["pixel_accuracy"].item() == pytest.approx(accuracy_score(*truth_and_guess), abs=1e-12)


def test_a_class_absent_from_both_sides_is_left_out_of_the_means():
    result = confusion_scores(matrix(*segmented(absent=(3,), never_predicted=(3,))))
    for name in METRICS:
        assert np.isnan(result[name][3])
        assert result[f"mean_{name}"].item() == pytest.approx(result[name][:3].mean().item())
    assert result["mean_foreground_dice"].item() == pytest.approx(result["dice"][1:3].mean().item())


def test_a_class_on_one_side_only_scores_zero():
    for case in (segmented(absent=(3,)), segmented(never_predicted=(3,))):
        result = confusion_scores(matrix(*case))
        assert [result[name][3].item() for name in METRICS] == [0, 0, 0, 0]


def test_ignored_pixels_change_no_score():
    prediction, mask = segmented()
    other = prediction.where(mask != 255, (prediction + 1) % 4)
    assert not torch.equal(prediction, other)
    assert torch.equal(confusion(prediction, mask, 4), confusion(other, mask, 4))


def test_dice_is_a_function_of_iou():
    result = confusion_scores(confusion(*segmented(), 4).numpy())
    np.testing.assert_allclose(result["dice"], 2 * result["iou"] / (1 + result["iou"]))


def test_the_order_of_pixels_does_not_matter():
    prediction, mask = segmented()
    order = torch.randperm(63, generator=torch.Generator().manual_seed(1))
    shuffled = [x.flatten(1)[:, order].reshape_as(x) for x in (prediction, mask)]
    assert torch.equal(confusion(*shuffled, 4), confusion(prediction, mask, 4))


def test_renaming_the_classes_renames_the_scores():
    prediction, mask = segmented()
    before = confusion_scores(matrix(prediction, mask))
    after = confusion_scores(matrix((prediction + 1) % 4, mask.where(mask == 255, (mask + 1) % 4)))
    for name in METRICS:
        np.testing.assert_allclose(after[name], np.roll(before[name], 1))
        np.testing.assert_allclose(after[f"mean_{name}"], before[f"mean_{name}"])


def test_swapping_truth_and_prediction_swaps_precision_and_recall():
    counts = matrix(*segmented())
    forward, backward = confusion_scores(counts), confusion_scores(counts.T)
    np.testing.assert_allclose(forward["precision"], backward["recall"])
    np.testing.assert_allclose(forward["iou"], backward["iou"])


def test_a_class_index_out_of_range_is_our_mistake():
    prediction, mask = segmented()
    with pytest.raises(AssertionError, match="beyond num_classes"):
        confusion(prediction, mask, 3)


def test_a_mean_leaves_nan_out_and_is_nan_of_nothing_else():
    values = np.array([[0.25, math.nan], [0.75, math.nan], [math.nan, math.nan]])
    np.testing.assert_array_equal(mean_of_known(values, axis=0), [0.5, math.nan])
    np.testing.assert_array_equal(mean_of_known(values, axis=1), [0.25, 0.75, math.nan])


@pytest.mark.parametrize("classes", [2, 3, 21])
def test_classes_are_those_of_argmax_where_scores_are_equal_too(classes):
    scores = torch.randn(2, classes, 20, 30, generator=torch.Generator().manual_seed(0)).round()
    assert torch.equal(classes_of(scores), scores.argmax(1))
    scores = scores.to(memory_format=torch.channels_last)
    assert torch.equal(classes_of(scores), scores.argmax(1))
