"""Segmentation losses: Dice and kinds of cross-entropy. Pixels without a label are ignored.

Sums run over the whole batch, also where several processes share it (`total`).
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from common.data.classes import IGNORE
from common.ranks.group import total
from common.tensors import at_least_float32

FOCAL_GAMMA = 2.0
"""The focusing parameter that Lin et al. 2017 found best."""


def dice_loss(logits: Float[Tensor, "n k h w"], mask: Int64[Tensor, "n h w"]) -> Float[Tensor, ""]:
    """1 - the Dice overlap of prediction and mask, averaged over classes, so that small classes count as large ones do.

    Range [0, 1], 0 for a perfect segmentation. The sums run over the whole batch, the mean over the classes
    that its masks contain, background included. Probability given to an absent class is missing from the
    others and is punished there. Nothing labelled: 0, and no gradient.

    Source: Isensee et al. 2018 (nnU-Net), arXiv 1809.10486, the equation of L_dc; Dice as a loss is from
    Milletari et al. 2016 (V-Net), arXiv 1606.04797, which squares the terms of the denominator.
    Deviation: 1 is added, so that 0 is perfect; classes absent from the batch are left out of the mean, so
    that no denominator is below 1 pixel and no smoothing constant is needed.
    """
    truth = _one_hot(mask, logits.shape[1])
    probability = at_least_float32(logits).softmax(1).where((mask != IGNORE)[:, None], 0)
    area = total(truth.sum((0, 2, 3)))
    overlap = total(probability.where(truth, 0).sum((0, 2, 3)))
    dice = 2 * overlap / (total(probability.sum((0, 2, 3))) + area).clamp(min=1)
    present = area > 0
    return (1 - dice).where(present, 0).sum() / present.sum().clamp(min=1)


def weighted_cross_entropy(
    logits: Float[Tensor, "n k h w"], mask: Int64[Tensor, "n h w"], class_weights: Float[Tensor, "k"]
) -> Float[Tensor, ""]:
    """The negative log-probability of the true class, averaged over pixels, each weighted by its class.

    Nats per pixel; a weighted mean, so the weights' scale doesn't matter. Nothing labelled: 0, no gradient.

    Source: torch.nn.CrossEntropyLoss with `weight` and `ignore_index`, reduction "mean".
    Deviation: 0 where that gives NaN, with nothing labelled.
    """
    logits = at_least_float32(logits)
    weights = class_weights.to(logits.dtype)
    error = total(F.cross_entropy(logits, mask, weights, ignore_index=IGNORE, reduction="sum"))
    norm = (weights * total(class_pixels(mask, len(weights)))).sum()
    return error / norm.where(norm > 0, 1)


def focal_loss(
    logits: Float[Tensor, "n k h w"],
    mask: Int64[Tensor, "n h w"],
    class_weights: Float[Tensor, "k"],
    *,
    gamma: float = FOCAL_GAMMA,
) -> Float[Tensor, ""]:
    """Cross-entropy that weighs down confident pixels, by (1 - probability of the true class) ** gamma.

    Nats per pixel, the weighted mean of `weighted_cross_entropy`, which it is for gamma 0. Nothing labelled: 0.

    Source: Lin et al. 2017, arXiv 1708.02002, eq. 5, with the class weight for alpha.
    Deviation: softmax in place of one sigmoid a class; divided by the labelled pixels' weights, not by the number of
    foreground objects.
    """
    logits = at_least_float32(logits)
    weights = class_weights.to(logits.dtype)
    surprise = F.cross_entropy(logits, mask, ignore_index=IGNORE, reduction="none")
    weight = weights[mask.where(mask != IGNORE, 0)].where(mask != IGNORE, 0)
    # expm1 keeps the gradient finite where the probability rounds to 1
    unsure = (-torch.expm1(-surprise)).clamp(min=torch.finfo(logits.dtype).tiny) ** gamma
    norm = total(weight.sum())
    return total((weight * unsure * surprise).sum()) / norm.where(norm > 0, 1)


def binary_cross_entropy(logits: Float[Tensor, "n 2 h w"], mask: Int64[Tensor, "n h w"]) -> Float[Tensor, ""]:
    """Cross-entropy of foreground against background, unweighted; the logit is the difference of the two.

    Nats per pixel. Nothing labelled: 0, and no gradient.

    Source: torch.nn.BCEWithLogitsLoss.
    Deviation: the mean is over labelled pixels.
    """
    known = mask != IGNORE
    difference = at_least_float32(logits[:, 1] - logits[:, 0])
    truth = mask.where(known, 0).to(difference.dtype)
    cost = F.binary_cross_entropy_with_logits(difference, truth, reduction="none")
    return total(cost.where(known, 0).sum()) / total(known.sum()).clamp(min=1)


def _one_hot(mask: Int64[Tensor, "n h w"], num_classes: int) -> Bool[Tensor, "n k h w"]:
    """Which class each pixel is; none where it is ignored."""
    return mask[:, None] == torch.arange(num_classes, device=mask.device)[:, None, None]


def class_pixels(mask: Int64[Tensor, "n h w"], num_classes: int) -> Int64[Tensor, "k"]:
    """The number of pixels of each class in some masks."""
    return _one_hot(mask, num_classes).sum((0, 2, 3))
