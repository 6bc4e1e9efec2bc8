import json
import math

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

from common.metrics import confusion, image_means, report, scores, silent_classes

NAMES = ("background", "cat", "dog", "bird")
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
    return confusion(prediction, mask, 4).sum(0)


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
    result = scores(matrix(*case))
    for k in range(4):
        expected = oracles.class_scores(*case, k) or dict.fromkeys(METRICS, math.nan)
        for name in METRICS:
            assert result[name][k].item() == pytest.approx(expected[name], abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("case", CASES)
def test_class_scores_and_means_equal_scikit_learn(case):
    result, truth_and_guess = scores(matrix(*case)), flat(*case)
    seen = sorted(set(truth_and_guess[0]) | set(truth_and_guess[1]))
    functions = {"iou": jaccard_score, "dice": f1_score, "precision": precision_score, "recall": recall_score}
    for name, function in functions.items():
        expected = function(*truth_and_guess, labels=seen, average=None, zero_division=0)
        assert result[name][seen].tolist() == pytest.approx(expected.tolist(), abs=1e-12)
        assert result[f"mean_{name}"].item() == pytest.approx(expected.mean(), abs=1e-12)
    assert result["pixel_accuracy"].item() == pytest.approx(accuracy_score(*truth_and_guess), abs=1e-12)


def test_a_class_absent_from_both_sides_is_left_out_of_the_means():
    result = scores(matrix(*segmented(absent=(3,), never_predicted=(3,))))
    for name in METRICS:
        assert result[name][3].isnan()
        assert result[f"mean_{name}"].item() == pytest.approx(result[name][:3].mean().item())
    assert result["mean_foreground_dice"].item() == pytest.approx(result["dice"][1:3].mean().item())


def test_a_class_on_one_side_only_scores_zero():
    for case in (segmented(absent=(3,)), segmented(never_predicted=(3,))):
        result = scores(matrix(*case))
        assert [result[name][3].item() for name in METRICS] == [0, 0, 0, 0]


def test_ignored_pixels_change_no_score():
    prediction, mask = segmented()
    other = prediction.where(mask != 255, (prediction + 1) % 4)
    assert not torch.equal(prediction, other)
    assert torch.equal(confusion(prediction, mask, 4), confusion(other, mask, 4))


def test_dice_is_a_function_of_iou():
    result = scores(confusion(*segmented(), 4))
    torch.testing.assert_close(result["dice"], 2 * result["iou"] / (1 + result["iou"]))


def test_the_order_of_pixels_does_not_matter():
    prediction, mask = segmented()
    order = torch.randperm(63, generator=torch.Generator().manual_seed(1))
    shuffled = [x.flatten(1)[:, order].reshape_as(x) for x in (prediction, mask)]
    assert torch.equal(confusion(*shuffled, 4), confusion(prediction, mask, 4))


def test_renaming_the_classes_renames_the_scores():
    prediction, mask = segmented()
    before = scores(matrix(prediction, mask))
    after = scores(matrix((prediction + 1) % 4, mask.where(mask == 255, (mask + 1) % 4)))
    for name in METRICS:
        torch.testing.assert_close(after[name], before[name].roll(1))
        torch.testing.assert_close(after[f"mean_{name}"], before[f"mean_{name}"])


def test_swapping_truth_and_prediction_swaps_precision_and_recall():
    counts = matrix(*segmented())
    forward, backward = scores(counts), scores(counts.T)
    torch.testing.assert_close(forward["precision"], backward["recall"])
    torch.testing.assert_close(forward["iou"], backward["iou"])


def test_image_means_are_means_of_each_images_own_scores():
    prediction, mask = segmented()
    mask[0] = 255
    mask[1][mask[1] == 2] = 0
    prediction[1][prediction[1] == 2] = 0
    result = image_means(confusion(prediction, mask, 4))
    per_image = [scores(matrix(prediction[n : n + 1], mask[n : n + 1])) for n in (1, 2)]
    for name in ("pixel_accuracy", "mean_iou", "mean_foreground_dice"):
        assert result[name].item() == pytest.approx(sum(s[name].item() for s in per_image) / 2)
    for name in METRICS:
        assert result[name][0].item() == pytest.approx(sum(s[name][0].item() for s in per_image) / 2)
        assert result[name][2].item() == pytest.approx(per_image[1][name][2].item())


def test_the_report_names_the_scores_of_the_data_set_and_of_the_images():
    counts = confusion(*segmented(), 4)
    result, expected = report(counts, NAMES), scores(counts.sum(0))
    assert set(result) == {
        "pixel_accuracy", "mean_iou", "mean_dice", "mean_foreground_dice", "mean_precision", "mean_recall",
        "per_class", "image_mean",
    }  # fmt: skip
    assert set(result["image_mean"]) == set(result) - {"image_mean"}
    assert result["mean_iou"] == expected["mean_iou"].item()
    assert result["per_class"]["dog"] == {name: expected[name][2].item() for name in METRICS}
    means = image_means(counts)
    assert result["image_mean"]["mean_iou"] == means["mean_iou"].item()
    assert result["image_mean"]["per_class"]["cat"]["recall"] == means["recall"][1].item()


def test_the_report_of_nothing_labelled_has_no_scores():
    counts = confusion(torch.zeros(2, 4, 4, dtype=torch.int64), torch.full((2, 4, 4), 255), 4)
    result = report(counts, NAMES)
    nothing = dict.fromkeys(METRICS)
    assert result["per_class"] == dict.fromkeys(NAMES, nothing)
    assert result["mean_iou"] is None
    assert result["pixel_accuracy"] is None
    assert result["image_mean"]["mean_iou"] is None
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_only_background_leaves_no_foreground_dice():
    everything_right = torch.zeros(1, 4, 4, dtype=torch.int64)
    result = report(confusion(everything_right, everything_right, 4), NAMES)
    assert result["mean_foreground_dice"] is None
    assert result["mean_dice"] == 1


def test_names_that_are_not_one_a_class_are_refused():
    with pytest.raises(ValueError, match="zip"):
        report(confusion(*segmented(), 4), NAMES[:3])


def test_silent_classes_are_in_the_truth_and_never_predicted():
    assert silent_classes(matrix(*segmented()), NAMES) == []
    assert silent_classes(matrix(*segmented(never_predicted=(1,))), NAMES) == ["cat"]
    assert silent_classes(matrix(*segmented(absent=(3,), never_predicted=(1, 3))), NAMES) == ["cat"]


def test_a_class_index_out_of_range_is_our_mistake():
    prediction, mask = segmented()
    with pytest.raises(AssertionError, match="beyond num_classes"):
        confusion(prediction, mask, 3)
