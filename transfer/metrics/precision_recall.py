"""Precision against recall of each class, at every threshold of its probability."""

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from common.data.classes import IGNORE

THRESHOLDS = 200


class PrecisionRecall:
    """Histograms of each class's probability, over its own pixels and over all others; ignored pixels are left out.

    Probabilities are counted in 200 steps, so that a data set of any size takes no memory.
    """

    def __init__(self, num_classes: int, thresholds: int = THRESHOLDS) -> None:
        self.counts = torch.zeros(num_classes, 2, thresholds, dtype=torch.int64)

    def add(self, probability: Float[Tensor, "n k h w"], mask: Int64[Tensor, "n h w"]) -> None:
        """Take in the softmax of a batch and what is true."""
        steps, labelled = self.counts.shape[-1], mask != IGNORE
        for k, values in enumerate(probability.unbind(1)):
            cell = (values * steps).long().clamp_(0, steps - 1).add_(mask == k, alpha=steps)
            counts = torch.bincount(cell.where(labelled, 2 * steps).flatten(), minlength=2 * steps)
            self.counts[k] += counts[: 2 * steps].view(2, steps).cpu()

    def curves(self) -> tuple[Float64[Tensor, "k t"], Float64[Tensor, "k t"]]:
        """Precision and recall of each class, predicted from a probability of 0, 1/200, 2/200 ... on.

        Precision is NaN where nothing is predicted, recall where the class has no pixel.

        Source: Davis & Goadrich 2006, doi 10.1145/1143844.1143874, section 2.
        """
        others, own = self.counts.flip(-1).cumsum(-1).flip(-1).double().unbind(1)
        return own / (own + others), own / own[:, :1]

    def average_precision(self) -> Float64[Tensor, " k"]:
        """The area under each curve as a sum of steps; NaN for a class that has no pixel.

        Source: as in scikit-learn's `average_precision_score`, here of probabilities in 200 steps.
        """
        precision, recall = self.curves()
        steps = recall - torch.cat([recall[:, 1:], torch.zeros_like(recall[:, :1])], 1)
        return torch.where(steps == 0, steps, steps * precision).sum(1)
