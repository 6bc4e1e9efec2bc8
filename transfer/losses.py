"""What the segmentation network minimises: Dice and class-weighted cross-entropy, border pixels ignored."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from common.data.classes import IGNORE


def dice_loss(logits: Float[Tensor, "n k h w"], mask: Int64[Tensor, "n h w"]) -> Float[Tensor, ""]:
    """Says how little of each class is found, by overlap, so that small classes count as much as large ones.

    Range [0, 1], 0 for a perfect segmentation. The sums run over the whole batch, the mean over the classes
    that its masks contain, background included. Probability given to an absent class is missing from the
    others and is punished there. Nothing labelled: 0, and no gradient.

    Source: Isensee et al. 2018 (nnU-Net), arXiv 1809.10486, the equation of L_dc; Dice as a loss is from
    Milletari et al. 2016 (V-Net), arXiv 1606.04797, which squares the terms of the denominator.
    Deviation: 1 is added, so that 0 is perfect; classes absent from the batch are left out of the mean, so
    that no denominator is below 1 pixel and no smoothing constant is needed.
    """
    truth = _one_hot(mask, logits.shape[1])
    probability = _at_least_float32(logits).softmax(1).where((mask != IGNORE)[:, None], 0)
    area = truth.sum((0, 2, 3))
    overlap = probability.where(truth, 0).sum((0, 2, 3))
    dice = 2 * overlap / (probability.sum((0, 2, 3)) + area).clamp(min=1)
    present = area > 0
    return (1 - dice).where(present, 0).sum() / present.sum().clamp(min=1)


def weighted_cross_entropy(
    logits: Float[Tensor, "n k h w"], mask: Int64[Tensor, "n h w"], class_weights: Float[Tensor, "k"]
) -> Float[Tensor, ""]:
    """Punishes low probability of the true class, pixel by pixel, each weighted by its class.

    Nats per pixel; a weighted mean, so the weights' scale doesn't matter. Nothing labelled: 0, no gradient.

    Source: torch.nn.CrossEntropyLoss with `weight` and `ignore_index`, reduction "mean".
    Deviation: 0 where that gives NaN, with nothing labelled.
    """
    logits = _at_least_float32(logits)
    weights = class_weights.to(logits.dtype)
    total = F.cross_entropy(logits, mask, weights, ignore_index=IGNORE, reduction="sum")
    norm = (weights * _class_pixels(mask, len(weights))).sum()
    return total / norm.where(norm > 0, 1)


class ClassWeights(nn.Module):
    """Gives rare classes more weight, by their share of the labelled pixels, re-estimated while training.

    The shares start at those of `class_pixels` (the training set's pixels of each class; None: equal shares)
    and follow the batches as an exponential moving average. They are a buffer: part of a training's state.

    Source: Paszke et al. 2016 (ENet), arXiv 1606.02147, w_class = 1 / ln(c + p_class), c = 1.02.
    Deviation: the average of the weights is 1; the shares move instead of staying those of the data set.
    """

    shares: Tensor

    def __init__(
        self, num_classes: int, class_pixels: Int64[Tensor, "k"] | None = None, *, momentum: float = 0.99
    ) -> None:
        super().__init__()
        pixels = torch.ones(num_classes) if class_pixels is None else class_pixels.double()
        assert len(pixels) == num_classes
        assert pixels.sum() > 0
        self.register_buffer("shares", (pixels / pixels.sum()).float())
        self.momentum = momentum

    @torch.no_grad()
    def update(self, mask: Int64[Tensor, "n h w"]) -> None:
        """Moves the shares a little towards this batch's; a batch with nothing labelled moves nothing."""
        pixels = _class_pixels(mask, len(self.shares))
        total = pixels.sum()
        batch_shares = (pixels / total.clamp(min=1)).where(total > 0, self.shares)
        self.shares.lerp_(batch_shares, 1 - self.momentum)

    def weights(self) -> Float[Tensor, "k"]:
        """One weight a class; a class never seen weighs 36 times as much as one that is everywhere."""
        weights = 1 / (1.02 + self.shares).log()
        return weights / weights.mean()


class SegmentationLoss(nn.Module):
    """Says how far a segmentation is from its mask: Dice plus cross-entropy.

    A term of weight 0 is neither computed nor returned. `class_pixels`: the training set's pixels of each
    class, with which the class weights of `weighted_ce` start.

    Source: Isensee et al. 2018 (nnU-Net), arXiv 1809.10486, the equation of L_total.
    Deviation: the two terms, and the classes in the cross-entropy, have weights.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        dice_weight: float,
        ce_weight: float,
        weighted_ce: bool,
        class_pixels: Int64[Tensor, "k"] | None = None,
    ) -> None:
        super().__init__()
        weights = {"dice": dice_weight, "cross_entropy": ce_weight}
        self.weights = {name: weight for name, weight in weights.items() if weight > 0}
        assert self.weights, "every term has weight 0"
        self.num_classes = num_classes
        self.class_weights = ClassWeights(num_classes, class_pixels) if weighted_ce else None

    def forward(self, logits: Float[Tensor, "n k h w"], mask: Int64[Tensor, "n h w"]) -> dict[str, Float[Tensor, ""]]:
        """The terms unweighted, by name, and their weighted sum as "loss".

        Float32 at the least, under autocast too. In training mode the class weights follow the batch.
        """
        terms = {}
        if "dice" in self.weights:
            terms["dice"] = dice_loss(logits, mask)
        if "cross_entropy" in self.weights:
            terms["cross_entropy"] = weighted_cross_entropy(logits, mask, self._weigh_classes(mask))
        loss = torch.stack([weight * terms[name] for name, weight in self.weights.items()]).sum()
        return {"loss": loss, **terms}

    def _weigh_classes(self, mask: Int64[Tensor, "n h w"]) -> Float[Tensor, "k"]:
        if self.class_weights is None:
            return torch.ones(self.num_classes, device=mask.device)
        if self.training:
            self.class_weights.update(mask)
        return self.class_weights.weights()


def _one_hot(mask: Int64[Tensor, "n h w"], num_classes: int) -> Bool[Tensor, "n k h w"]:
    """Which class each pixel is; none where it is ignored."""
    return mask[:, None] == torch.arange(num_classes, device=mask.device)[:, None, None]


def _class_pixels(mask: Int64[Tensor, "n h w"], num_classes: int) -> Int64[Tensor, "k"]:
    return _one_hot(mask, num_classes).sum((0, 2, 3))


def _at_least_float32(logits: Tensor) -> Tensor:
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
