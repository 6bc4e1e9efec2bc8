"""What one pass over a data set measures of a network's probabilities, beside its confusion matrices."""

import math

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64, UInt8
from torch import Tensor
from torch.nn import functional as F

from common.data.batches import LabelledBatch
from common.metrics import classes_of
from common.tensors import image_mean
from transfer.metrics.boundary import boundary_counts, boundary_f
from transfer.metrics.calibration import Calibration
from transfer.metrics.precision_recall import PrecisionRecall
from transfer.metrics.scores import Scores


class Quality:
    """Calibration, precision and recall, boundaries and entropies of a data set, batch by batch in file order."""

    def __init__(self, num_classes: int, *, thumbnail: int, calibration: Calibration) -> None:
        """Keep predictions small too, `thumbnail` pixels high and wide."""
        self.num_classes, self.thumbnail = num_classes, thumbnail
        self.calibration = calibration
        self.precision_recall = PrecisionRecall(num_classes)
        self._boundaries: list[Int64[np.ndarray, "n k 4"]] = []
        self._entropies: list[Float[Tensor, " n"]] = []
        self._small: list[UInt8[np.ndarray, "n h w"]] = []

    def __call__(self, logits: Float[Tensor, "n k h w"], batch: LabelledBatch) -> None:
        """Take in a batch."""
        mask, probability, prediction = batch.mask, self.calibration(logits, batch), classes_of(logits)
        self.precision_recall.add(probability, mask)
        self._boundaries.append(boundary_counts(prediction, mask, self.num_classes))
        self._entropies.append(image_mean(entropy(probability)[:, None], batch.valid).cpu())
        small = F.interpolate(prediction[:, None].float(), size=(self.thumbnail, self.thumbnail), mode="nearest-exact")
        self._small.append(small[:, 0].byte().cpu().numpy())

    @property
    def boundary(self) -> Float64[np.ndarray, "n k"]:
        """The boundary F-score of every image, see `boundary_f`."""
        return boundary_f(np.concatenate(self._boundaries))

    @property
    def entropies(self) -> Float[np.ndarray, " n"]:
        """The mean entropy of every image's pixels, from 0 (sure) to 1 (all classes alike)."""
        return torch.cat(self._entropies).numpy()

    @property
    def small_predictions(self) -> UInt8[np.ndarray, "n h w"]:
        """The prediction for every image, 48 pixels wide and high."""
        return np.concatenate(self._small)


def entropy(probability: Float[Tensor, "n k h w"]) -> Float[Tensor, "n h w"]:
    """How unsure a network is of each pixel: 0 where one class has all of the probability, 1 where all are alike."""
    return torch.special.entr(probability).sum(1) / math.log(max(probability.shape[1], 2))


def by_size(scores: Scores) -> list[tuple[Float64[np.ndarray, " m"], Float64[np.ndarray, " m"]]]:
    """For each class, over the images that show it: its share of the labelled pixels, and its IoU there.

    An image's whole class counts as one object, whether it is in one piece or in many.
    """
    truth, labelled = scores.counts.sum(2), np.maximum(scores.counts.sum((1, 2)), 1)
    iou, shares = scores.per_image["iou"], truth / labelled[:, None]
    return [(shares[here, k], iou[here, k]) for k, here in enumerate((truth > 0).T)]
