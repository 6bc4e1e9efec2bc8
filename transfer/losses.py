"""What the segmentation network minimises: Dice and kinds of cross-entropy, border pixels ignored."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from common.data.classes import IGNORE
from common.errors import UserError
from transfer.config import LossConfig

FOCAL_GAMMA = 2.0
"""The focusing parameter that Lin et al. 2017 found best."""


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


def focal_loss(
    logits: Float[Tensor, "n k h w"], mask: Int64[Tensor, "n h w"], class_weights: Float[Tensor, "k"], *, gamma: float
) -> Float[Tensor, ""]:
    """Cross-entropy that counts a pixel the less the surer it is already: by (1 - probability) ** gamma.

    Nats per pixel, the weighted mean of `weighted_cross_entropy`, which it is for gamma 0. Nothing labelled: 0.

    Source: Lin et al. 2017, arXiv 1708.02002, eq. 5, with the class weight for alpha.
    Deviation: softmax in place of one sigmoid a class; divided by the labelled pixels' weights, not by the number of
    foreground objects.
    """
    logits = _at_least_float32(logits)
    weights = class_weights.to(logits.dtype)
    surprise = F.cross_entropy(logits, mask, ignore_index=IGNORE, reduction="none")
    weight = weights[mask.where(mask != IGNORE, 0)].where(mask != IGNORE, 0)
    # expm1 keeps the gradient finite where the probability rounds to 1
    unsure = (-torch.expm1(-surprise)).clamp(min=torch.finfo(logits.dtype).tiny) ** gamma
    norm = weight.sum()
    return (weight * unsure * surprise).sum() / norm.where(norm > 0, 1)


def binary_cross_entropy(logits: Float[Tensor, "n 2 h w"], mask: Int64[Tensor, "n h w"]) -> Float[Tensor, ""]:
    """The cross-entropy of foreground against background, each pixel alike; the logit is the difference of the two.

    Nats per pixel. Nothing labelled: 0, and no gradient.

    Source: torch.nn.BCEWithLogitsLoss.
    Deviation: the mean is over labelled pixels.
    """
    known = mask != IGNORE
    difference = _at_least_float32(logits[:, 1] - logits[:, 0])
    truth = mask.where(known, 0).to(difference.dtype)
    cost = F.binary_cross_entropy_with_logits(difference, truth, reduction="none")
    return cost.where(known, 0).sum() / known.sum().clamp(min=1)


class ClassWeights(nn.Module):
    """Gives rare classes more weight, by their share of the labelled pixels, re-estimated while training.

    The shares start at those of `class_pixels` (the training set's pixels of each class; None: equal shares)
    and follow the batches as an exponential moving average; with momentum 1 they stay. They are a buffer: part of a
    training's state.

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


class FixedWeights(nn.Module):
    """Weights of classes that somebody has chosen, and that never change."""

    given: Tensor

    def __init__(self, weights: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("given", torch.tensor(weights, dtype=torch.float32))

    def update(self, mask: Int64[Tensor, "n h w"]) -> None:
        """Nothing."""

    def weights(self) -> Float[Tensor, "k"]:
        """The same ones always."""
        return self.given


class SegmentationLoss(nn.Module):
    """Says how far a segmentation is from its mask: a weighted sum of Dice and kinds of cross-entropy.

    A term of weight 0 is neither computed nor returned. `class_pixels`: the training set's pixels of each
    class, with which the class weights start. Raises UserError for settings that do not fit the number of classes.

    Source: Isensee et al. 2018 (nnU-Net), arXiv 1809.10486, the equation of L_total.
    Deviation: the terms, and the classes in cross-entropy and focal loss, have weights.
    """

    def __init__(self, num_classes: int, config: LossConfig, *, class_pixels: Int64[Tensor, "k"] | None = None) -> None:
        super().__init__()
        if config.bce_weight > 0 and num_classes != 2:
            raise UserError(
                f"--bce_weight is for two classes, the data has {num_classes}: use --ce_weight, or --classes binary"
            )
        weights = {
            "dice": config.dice_weight,
            "cross_entropy": config.ce_weight,
            "focal": config.focal_weight,
            "bce": config.bce_weight,
        }
        self.weights = {name: weight for name, weight in weights.items() if weight > 0}
        self.config, self.num_classes = config, num_classes
        self.class_weights = _class_weights(num_classes, config, class_pixels) if config.weighted_ce else None

    def forward(self, logits: Float[Tensor, "n k h w"], mask: Int64[Tensor, "n h w"]) -> dict[str, Float[Tensor, ""]]:
        """The terms unweighted, by name, and their weighted sum as "loss".

        Float32 at the least, under autocast too. In training mode the class weights follow the batch.
        """
        classes = self._weigh_classes(mask)
        formulas = {
            "dice": lambda: dice_loss(logits, mask),
            "cross_entropy": lambda: weighted_cross_entropy(logits, mask, classes),
            "focal": lambda: focal_loss(logits, mask, classes, gamma=FOCAL_GAMMA),
            "bce": lambda: binary_cross_entropy(logits, mask),
        }
        with torch.autocast(logits.device.type, enabled=False):
            terms = {name: formulas[name]() for name in self.weights}
        loss = torch.stack([weight * terms[name] for name, weight in self.weights.items()]).sum()
        return {"loss": loss, **terms}

    def _weigh_classes(self, mask: Int64[Tensor, "n h w"]) -> Float[Tensor, "k"]:
        if self.class_weights is None:
            return torch.ones(self.num_classes, device=mask.device)
        if self.training:
            self.class_weights.update(mask)
        return self.class_weights.weights()


def _class_weights(
    num_classes: int, config: LossConfig, class_pixels: Int64[Tensor, "k"] | None
) -> ClassWeights | FixedWeights:
    match config.class_weights:
        case "moving":
            return ClassWeights(num_classes, class_pixels)
        case "data":
            return ClassWeights(num_classes, class_pixels, momentum=1.0)
        case "fixed":
            given = config.fixed_class_weights or ()
            if len(given) != num_classes:
                raise UserError(
                    f"--fixed_class_weights has {len(given)} numbers, the data has {num_classes} classes: give one each"
                )
            return FixedWeights(given)


def _one_hot(mask: Int64[Tensor, "n h w"], num_classes: int) -> Bool[Tensor, "n k h w"]:
    """Which class each pixel is; none where it is ignored."""
    return mask[:, None] == torch.arange(num_classes, device=mask.device)[:, None, None]


def _class_pixels(mask: Int64[Tensor, "n h w"], num_classes: int) -> Int64[Tensor, "k"]:
    return _one_hot(mask, num_classes).sum((0, 2, 3))


def _at_least_float32(logits: Tensor) -> Tensor:
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
