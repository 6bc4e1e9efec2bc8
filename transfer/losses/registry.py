"""The segmentation losses by name: to add one, write its formula, its weight in `LossConfig`, and its entry here."""

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float, Int64
from torch import Tensor

from transfer.config import LossConfig
from transfer.losses.formulas import binary_cross_entropy, dice_loss, focal_loss, weighted_cross_entropy

Formula = Callable[
    [Float[Tensor, "n k h w"], Int64[Tensor, "n h w"], Float[Tensor, "k"]],
    Float[Tensor, ""],
]
"""Logits, mask and class weights to a loss: a mean over the labelled pixels, 0 without any."""


@dataclass(frozen=True)
class Term:
    """A term of the segmentation loss."""

    formula: Formula
    words: str
    """What curves and pages call it."""
    flag: str = ""
    """The setting in `LossConfig` that holds its weight; without one it always weighs 1."""
    two_classes: bool = False
    """Whether it is defined for two classes alone."""

    def weight(self, config: LossConfig) -> float:
        """Its weight in the sum; 0 leaves it out."""
        return getattr(config, self.flag) if self.flag else 1.0


TERMS: dict[str, Term] = {
    "dice": Term(lambda logits, mask, _: dice_loss(logits, mask), "Dice", "dice_weight"),
    "cross_entropy": Term(weighted_cross_entropy, "cross-entropy", "ce_weight"),
    "focal": Term(focal_loss, "focal loss", "focal_weight"),
    "bce": Term(
        lambda logits, mask, _: binary_cross_entropy(logits, mask),
        "binary cross-entropy",
        "bce_weight",
        two_classes=True,
    ),
}
"""By the name that metrics.csv and TensorBoard give them."""
