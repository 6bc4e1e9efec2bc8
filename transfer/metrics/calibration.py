"""Whether a network is right as often as it is sure: reliability diagram and expected calibration error."""

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from common.data.classes import IGNORE

BINS = 15


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
        self.confidence += torch.bincount(seen, weights=sure.double().flatten(), minlength=bins)[:bins].cpu()

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
