"""Weights of classes in cross-entropy and focal loss."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from common.errors import UserError
from common.ranks.group import total
from common.words import counted
from transfer.config import LossConfig
from transfer.losses.formulas import class_pixels


class ClassWeights(nn.Module):
    """Weights of classes by their rarity among the labelled pixels, re-estimated while training.

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
        """Move the shares a little towards this batch's; a batch without labels moves nothing."""
        pixels = total(class_pixels(mask, len(self.shares)))
        labelled = pixels.sum()
        batch_shares = (pixels / labelled.clamp(min=1)).where(labelled > 0, self.shares)
        self.shares.lerp_(batch_shares.to(self.shares), 1 - self.momentum)

    def weights(self) -> Float[Tensor, "k"]:
        """One weight per class; an absent class weighs 36 times as much as one that fills every image."""
        weights = 1 / (1.02 + self.shares).log()
        return weights / weights.mean()


class FixedWeights(nn.Module):
    """Weights of classes that are given, and never change."""

    given: Tensor

    def __init__(self, weights: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("given", torch.tensor(weights, dtype=torch.float32))

    def update(self, mask: Int64[Tensor, "n h w"]) -> None:
        """Do nothing: the weights are fixed."""

    def weights(self) -> Float[Tensor, "k"]:
        """The fixed weights."""
        return self.given


def make_class_weights(
    num_classes: int, config: LossConfig, class_pixels: Int64[Tensor, "k"] | None
) -> ClassWeights | FixedWeights:
    """The class weights that the settings name. Raises UserError where fixed ones are not one per class."""
    match config.class_weights:
        case "moving":
            return ClassWeights(num_classes, class_pixels)
        case "data":
            return ClassWeights(num_classes, class_pixels, momentum=1.0)
        case "fixed":
            given = config.fixed_class_weights or ()
            if len(given) != num_classes:
                has, classes = counted(len(given), "number"), counted(num_classes, "class")
                raise UserError(f"--fixed_class_weights has {has}, the data has {classes}: give one each")
            return FixedWeights(given)
