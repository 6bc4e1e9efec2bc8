"""Losses and metrics against segmentation_models_pytorch and MONAI, on random cases and on the odd ones."""

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from torch.nn import functional as F

from common.metrics import confusion, confusion_scores, mean_of_known
from transfer.losses.formulas import binary_cross_entropy, dice_loss, focal_loss, weighted_cross_entropy

K = 4


def case(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits of four classes and masks, by what is odd about them."""
    generator = torch.Generator().manual_seed(sum(map(ord, name)))
    count = 1 if name == "batch of one" else 3
    logits = 2 * torch.randn(count, K, 7, 9, generator=generator, dtype=torch.float64)
    mask = torch.randint(0, K, (count, 7, 9), generator=generator)
    if name != "nothing ignored":
        mask[torch.rand(mask.shape, generator=generator) < 0.3] = 255
    if name == "class absent":
        mask[mask == 2] = 0
    if name == "an image all ignored":
        mask[1] = 255
    return logits, mask


CASES = ["plain", "nothing ignored", "batch of one", "class absent", "an image all ignored"]


@pytest.fixture(params=CASES)
def both(request) -> tuple[torch.Tensor, torch.Tensor]:
    return case(request.param)


def test_dice_loss(both):
    import monai  # now: it takes seconds, and two processes collect these tests

    logits, mask = both
    ours = dice_loss(logits, mask)
    theirs = smp.losses.DiceLoss("multiclass", ignore_index=255, eps=1e-12)(logits, mask)
    present = sum((mask == k).any().item() for k in range(K))  # they divide by all classes, we by those there are
    torch.testing.assert_close(ours, theirs * K / present, rtol=1e-6, atol=1e-8)
    if (mask != 255).all():
        settings = {"to_onehot_y": True, "softmax": True, "batch": True, "smooth_nr": 0.0, "smooth_dr": 0.0}
        torch.testing.assert_close(ours, monai.losses.DiceLoss(**settings)(logits, mask[:, None]), rtol=1e-6, atol=1e-8)


def test_focal_loss(both):
    import monai  # now: it takes seconds, and two processes collect these tests

    logits, mask = both
    known = (mask != 255).sum()
    ours = focal_loss(logits, mask, torch.ones(K), gamma=2.0)
    if (mask != 255).all():
        theirs = monai.losses.FocalLoss(to_onehot_y=True, gamma=2.0, use_softmax=True)(logits, mask[:, None])
        torch.testing.assert_close(ours.float(), theirs * K)  # theirs is a mean over classes too
    chosen = logits.movedim(1, -1)[mask != 255]
    log_probability = chosen.log_softmax(1).gather(1, mask[mask != 255][:, None])
    expected = -((1 - log_probability.exp()) ** 2 * log_probability).sum() / known
    torch.testing.assert_close(ours, expected, rtol=1e-6, atol=1e-10)


def test_cross_entropy(both):
    logits, mask = both
    weights = torch.tensor([0.5, 1.0, 2.0, 0.1], dtype=torch.float64)
    theirs = F.cross_entropy(logits, mask, weights, ignore_index=255)
    torch.testing.assert_close(weighted_cross_entropy(logits, mask, weights), theirs)


def test_binary_cross_entropy(both):
    logits, mask = both[0][:, :2], both[1].where((both[1] == 255) | (both[1] < 2), 1)
    theirs = smp.losses.SoftBCEWithLogitsLoss(ignore_index=255, reduction="sum")
    total = theirs(logits[:, 1:] - logits[:, :1], mask[:, None].double())
    torch.testing.assert_close(binary_cross_entropy(logits, mask), total / (mask != 255).sum())


def test_scores_of_the_data_set_and_of_its_images(both):
    logits, mask = both
    prediction = logits.argmax(1)
    counts = confusion(prediction, mask, K).numpy()
    stats = smp.metrics.get_stats(prediction, mask, mode="multiclass", ignore_index=255, num_classes=K)
    theirs = {
        "iou": smp.metrics.iou_score,
        "dice": smp.metrics.f1_score,
        "precision": smp.metrics.precision,
        "recall": smp.metrics.recall,
    }
    total = [part.sum(0, keepdim=True) for part in stats]
    ours = confusion_scores(counts.sum(0))
    for name, metric in theirs.items():
        expected = metric(*total, reduction=None, zero_division=0.0)[0].double()
        np.testing.assert_allclose(np.nan_to_num(ours[name]), expected, rtol=1e-6, atol=1e-9, err_msg=name)
    means = mean_of_known(confusion_scores(counts)["iou"], axis=0)
    seen = ~np.isnan(means)
    one_by_one = smp.metrics.iou_score(*stats, reduction=None, zero_division=float("nan")).double()
    expected = one_by_one.nanmean(0)
    np.testing.assert_allclose(means[seen], expected.numpy()[seen], rtol=1e-6, atol=1e-6)


def test_mean_iou_and_dice_of_images_equal_monais_where_all_is_labelled():
    import monai  # now: it takes seconds, and two processes collect these tests

    logits, mask = case("nothing ignored")
    counts = confusion(logits.argmax(1), mask, K).numpy()
    hot = [F.one_hot(labels, K).movedim(-1, 1) for labels in (logits.argmax(1), mask)]
    ours = confusion_scores(counts)
    np.testing.assert_allclose(ours["iou"], monai.metrics.compute_iou(*hot, include_background=True), rtol=1e-6)
    np.testing.assert_allclose(ours["dice"], monai.metrics.compute_dice(*hot, include_background=True), rtol=1e-6)


def test_dice_is_twice_the_iou_over_one_plus_the_iou(both):
    logits, mask = both
    ours = confusion_scores(confusion(logits.argmax(1), mask, K).numpy())
    expected = 2 * ours["iou"] / (1 + ours["iou"])
    np.testing.assert_allclose(ours["dice"], expected)
