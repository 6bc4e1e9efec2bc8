"""Whether a network is right as often as it is sure: reliability diagram and expected calibration error."""

from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from common.data.batches import LabelledBatch
from common.data.classes import IGNORE

BINS = 15


def probabilities(logits: Float[Tensor, "*n k h w"], temperature: float) -> Float[Tensor, "*n k h w"]:
    """How likely each class is at each pixel: the softmax of the logits, divided by a network's temperature.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks, arXiv 1706.04599, eq. 9.
    """
    return (logits / temperature).softmax(-3)


class Reliability:
    """Count, bin by bin of confidence, how sure a network is of its predictions and how often they are right.

    The confidence of a pixel is the probability of its likeliest class; ignored pixels are left out. Bins are
    (0, 1/15], (1/15, 2/15] and so on.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks, arXiv 1706.04599, section 2.
    """

    def __init__(self, bins: int = BINS) -> None:
        self.pixels = torch.zeros(bins, dtype=torch.int64)
        self.hits = torch.zeros(bins, dtype=torch.int64)
        self.confidence = torch.zeros(bins, dtype=torch.float64)

    def add(self, probability: Float[Tensor, "n k h w"], mask: Int64[Tensor, "n h w"]) -> None:
        """Take in the softmax of a batch and what is true."""
        bins, labelled = len(self.pixels), mask != IGNORE
        sure, prediction = probability.max(1)
        edges = torch.arange(1, bins, dtype=sure.dtype, device=sure.device) / bins
        cell = torch.bucketize(sure, edges)
        seen, right = (cell.where(kept, bins).flatten() for kept in (labelled, prediction == mask))
        self.pixels += torch.bincount(seen, minlength=bins)[:bins].cpu()
        self.hits += torch.bincount(right, minlength=bins)[:bins].cpu()
        self.confidence += torch.bincount(seen.cpu(), weights=sure.cpu().double().flatten(), minlength=bins)[:bins]

    def diagram(self) -> tuple[Float64[Tensor, " b"], Float64[Tensor, " b"]]:
        """Mean confidence and accuracy of every bin, NaN for an empty one."""
        return self.confidence / self.pixels, self.hits.double() / self.pixels

    def error(self) -> float:
        """The expected calibration error in [0, 1]: how far accuracy and confidence lie apart, mean over the pixels.

        NaN without a pixel.

        Source: as the class, eq. 3.
        """
        gaps = (self.hits.double() - self.confidence).abs()
        return (gaps.sum() / self.pixels.sum()).item()


@dataclass(frozen=True, eq=False)
class Calibration:
    """How reliable a network's probabilities are on a data set, with its temperature and without, batch by batch."""

    temperature: float
    """What divides the logits before the softmax; 1 where none was fitted."""
    before: Reliability = field(default_factory=Reliability)
    """Of the probabilities without it."""
    after: Reliability = field(default_factory=Reliability)
    """Of the probabilities that predictions and pages show."""

    def __call__(self, logits: Float[Tensor, "n k h w"], batch: LabelledBatch) -> Float[Tensor, "n k h w"]:
        """Take in a batch; return its probabilities."""
        shown = probabilities(logits, self.temperature)
        self.after.add(shown, batch.mask)
        if self.fitted:
            self.before.add(logits.softmax(1), batch.mask)
        return shown

    @property
    def fitted(self) -> bool:
        """Whether the network has a temperature of its own."""
        return self.temperature != 1

    @property
    def errors(self) -> tuple[float, float]:
        """The expected calibration error before and after; twice the same where none was fitted."""
        after = self.after.error()
        return self.before.error() if self.fitted else after, after
