"""Calibration, precision and recall, outlines and sizes, against other people's implementations."""

import math

import numpy as np
import oracles
import pytest
import torch
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, precision_recall_curve

from common.data.batches import LabelledBatch
from common.metrics import confusion
from transfer.metrics.boundary import boundary_counts, boundary_f, tolerance_pixels
from transfer.metrics.calibration import Calibration, Reliability
from transfer.metrics.precision_recall import PrecisionRecall
from transfer.metrics.quality import Quality, by_size, entropy
from transfer.metrics.scores import Scores


def batch(seed=0, *, images=3, side=16, classes=3, ignored=True):
    """Probabilities and a mask that have something to do with each other."""
    random = torch.Generator().manual_seed(seed)
    mask = torch.randint(0, classes, (images, side, side), generator=random)
    logits = torch.randn(images, classes, side, side, generator=random)
    logits += 1.5 * torch.nn.functional.one_hot(mask, classes).movedim(-1, 1)
    if ignored:
        mask[torch.rand(mask.shape, generator=random) < 0.2] = 255
    return logits, mask


def discs(seed, *, side=48, classes=3):
    """A mask of one disc for each class but the background, none of them at the edge of the image."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    mask = np.zeros((side, side), dtype=np.int64)
    for k in range(1, classes):
        row, column, radius = *random.integers(12, side - 12, 2), random.integers(4, 9)
        mask[(y - row) ** 2 + (x - column) ** 2 <= radius**2] = k
    return mask


def test_the_reliability_diagram_is_scikit_learns():
    logits, mask = batch()
    ours = Reliability()
    for one in range(3):  # in batches
        ours.add(logits[one : one + 1].softmax(1), mask[one : one + 1])
    labelled = mask != 255
    sure, said = logits.softmax(1).max(1)
    right = (said == mask)[labelled].numpy()
    accuracy, confidence = calibration_curve(right, sure[labelled].numpy(), n_bins=15)
    found = [column[~column.isnan()] for column in ours.diagram()]
    np.testing.assert_allclose(found[0], confidence, rtol=1e-6)
    np.testing.assert_allclose(found[1], accuracy, rtol=1e-9)


def test_the_expected_calibration_error_is_the_oracles_and_0_for_a_perfect_network():
    logits, mask = batch()
    ours = Reliability()
    ours.add(logits.softmax(1), mask)
    assert ours.error() == pytest.approx(oracles.calibration_error(logits.softmax(1), mask, bins=15), rel=1e-6)
    perfect = Reliability()
    perfect.add(torch.nn.functional.one_hot(mask.where(mask != 255, 0), 3).movedim(-1, 1).float(), mask)
    assert perfect.error() == 0
    assert math.isnan(Reliability().error())


def test_precision_recall_and_average_precision_are_scikit_learns_at_equal_steps():
    logits, mask = batch(1)
    ours, probability = PrecisionRecall(3), logits.softmax(1)
    ours.add(probability[:2], mask[:2])
    ours.add(probability[2:], mask[2:])
    precision, recall = ours.curves()
    labelled = mask != 255
    for k in range(3):
        truth = (mask[labelled] == k).numpy()
        steps = (probability[:, k][labelled] * 200).floor().numpy()
        theirs = precision_recall_curve(truth, steps)
        at = np.unique(steps).astype(int)
        np.testing.assert_allclose(precision[k, at], theirs[0][:-1], rtol=1e-12)
        np.testing.assert_allclose(recall[k, at], theirs[1][:-1], rtol=1e-12)
        assert ours.average_precision()[k].item() == pytest.approx(average_precision_score(truth, steps), rel=1e-12)


def test_a_class_without_a_pixel_has_no_average_precision():
    logits, mask = batch(2)
    ours = PrecisionRecall(3)
    ours.add(logits.softmax(1), mask.where(mask != 2, 0))
    assert ours.average_precision().isnan().tolist() == [False, False, True]


@pytest.mark.parametrize("side", [48, 200])
def test_boundary_f_agrees_with_distances_between_monais_edges(side):
    from monai.metrics.utils import get_mask_edges, get_surface_distance  # now: it takes seconds

    truth, said = discs(0, side=side), discs(0, side=side)
    said = np.roll(said, (tolerance_pixels(side, side) + 1, 1), (0, 1))
    ours = boundary_f(boundary_counts(torch.from_numpy(said)[None], torch.from_numpy(truth)[None], 3))[0]
    reach = tolerance_pixels(side, side)
    for k in (1, 2):
        edges = get_mask_edges(said == k, truth == k, crop=False)
        precision = np.mean(get_surface_distance(*edges) <= reach)
        recall = np.mean(get_surface_distance(*edges[::-1]) <= reach)
        assert 0 < precision < 1
        assert ours[k] == pytest.approx(2 * precision * recall / (precision + recall), rel=1e-12)


def test_boundary_f_is_1_for_equal_masks_0_for_an_unseen_class_and_nothing_without_an_outline():
    truth = torch.from_numpy(discs(1))[None]
    assert boundary_f(boundary_counts(truth, truth, 4)).tolist()[0][:3] == [1, 1, 1]
    assert np.isnan(boundary_f(boundary_counts(truth, truth, 4))[0, 3])
    assert boundary_f(boundary_counts(truth.where(truth != 2, 0), truth, 3))[0, 2] == 0


def test_unlabelled_pixels_and_the_edge_of_the_image_make_no_outline():
    mask = torch.zeros(1, 20, 20, dtype=torch.int64)
    mask[:, :, 10:] = 1
    counts = boundary_counts(mask, mask, 2)
    assert counts[0].tolist() == [[20] * 4, [20] * 4]
    hidden = mask.clone()
    hidden[:, :, 5:15] = 255
    other = mask.clone()
    other[:, :, 5:15] = torch.arange(10) % 2
    assert np.isnan(boundary_f(boundary_counts(other, hidden, 2))).all()


@pytest.mark.parametrize("radius", [27, 33])
def test_a_rim_of_unlabelled_pixels_is_no_outline_on_which_all_agree(radius):
    y, x = np.mgrid[:100, :100]
    far = torch.from_numpy(np.hypot(y - 50, x - 50))[None]
    truth, said = (far < 30).long(), (far < radius).long()
    assert boundary_f(boundary_counts(said, truth, 2)).tolist() == [[0, 0]]
    band = (far >= 26) & (far < 34)
    assert np.isnan(boundary_f(boundary_counts(said, truth.where(~band, 255), 2))).all()
    half = band & (torch.arange(100) < 50)
    assert boundary_f(boundary_counts(said, truth.where(~half, 255), 2)).tolist() == [[0, 0]]


@pytest.mark.parametrize(("hidden", "measured"), [(0, True), (170, True), (330, False)])
def test_an_image_whose_outlines_are_hidden_is_not_measured(hidden, measured):
    y, x = np.mgrid[:100, :100]
    far, turned = torch.from_numpy(np.hypot(y - 50, x - 50))[None], torch.from_numpy(np.arctan2(y - 50, x - 50))[None]
    truth = (far < 30).long()
    band = (far >= 26) & (far < 34) & (torch.rad2deg(turned) + 180 < hidden)
    said = torch.where(far < 15, 2, truth)  # a class that is not there: 0 where outlines are measured
    found = boundary_f(boundary_counts(said, truth.where(~band, 255), 3))[0]
    assert np.isnan(found).tolist() == [not measured] * 3
    assert not measured or found[2] == 0


def test_padding_around_an_image_makes_no_outline():
    truth = torch.zeros(1, 64, 64, dtype=torch.int64)
    truth[:, :, 40:] = 1
    said = torch.zeros_like(truth)
    said[:, :, 20:] = 1
    inside = truth.clone()
    inside[:, 48:] = 255
    for mask in (truth, inside):
        assert boundary_f(boundary_counts(said, mask, 2)).tolist() == [[0, 0]]


def test_entropy_is_0_for_a_sure_network_and_1_for_one_that_knows_nothing():
    sure = torch.zeros(1, 4, 2, 2)
    sure[:, 1] = 1
    assert entropy(sure).tolist() == [[[0, 0], [0, 0]]]
    torch.testing.assert_close(entropy(torch.full((1, 4, 2, 2), 0.25)), torch.ones(1, 2, 2))


def test_scores_against_size_are_those_of_the_images_that_show_a_class():
    logits, mask = batch(3, images=4)
    mask[0] = mask[0].where(mask[0] != 2, 0)
    prediction = logits.argmax(1)
    found = by_size(Scores(confusion(prediction, mask, 3).numpy(), ("ground", "cat", "dog")))
    assert [len(sizes) for sizes, _ in found] == [4, 4, 3]
    labelled = (mask[1] != 255).sum().item()
    assert found[2][0][0] == pytest.approx((mask[1] == 2).sum().item() / labelled)
    scored = oracles.class_scores(prediction[1:2], mask[1:2], 2)
    assert scored is not None
    assert found[2][1][0] == pytest.approx(scored["iou"])


def test_a_pass_in_batches_measures_the_same_as_one_batch():
    logits, mask = batch(4, images=4)
    whole, parts = (Quality(3, thumbnail=48, calibration=Calibration(1.0)) for _ in range(2))
    index = torch.arange(4)
    for quality, rows in ((whole, slice(None)), (parts, slice(3)), (parts, slice(3, None))):
        quality(logits[rows], LabelledBatch(logits[rows], mask[rows], index[rows]))
    for name in ("boundary", "entropies", "small_predictions"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))
    assert whole.calibration.errors == pytest.approx(parts.calibration.errors, rel=1e-12)
    assert whole.small_predictions.shape == (4, 48, 48)
