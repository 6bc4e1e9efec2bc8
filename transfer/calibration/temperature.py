"""One temperature for a trained network, by which its confidence comes to match its accuracy."""

import math

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

from common.data.batches import LabelledBatch
from common.data.classes import IGNORE

MOST_VALUES = 2**22
"""Logits that a temperature is fitted on, at most: 16 MiB."""
COLDEST, HOTTEST = 0.1, 10.0
"""The temperatures that are searched: a network that is right at every pixel would have 0, one that guesses none."""


class PixelSample:
    """Keeps the logits of labelled pixels, all of them or a share that is drawn by the seed, batch by batch."""

    def __init__(self, num_classes: int, pixels: int, *, seed: int) -> None:
        """So many labelled `pixels` are to come."""
        self._share = MOST_VALUES / num_classes / max(pixels, 1)
        self._random = torch.Generator().manual_seed(seed)
        self._logits: list[Float[Tensor, "p k"]] = [torch.zeros(0, num_classes)]
        self._truth: list[Int64[Tensor, " p"]] = [torch.zeros(0, dtype=torch.int64)]

    def __call__(self, logits: Float[Tensor, "n k h w"], batch: LabelledBatch) -> None:
        """Take in a batch."""
        mask = batch.mask.cpu()
        kept = mask != IGNORE
        if self._share < 1:
            kept &= torch.rand(mask.shape, generator=self._random) < self._share
        self._logits.append(logits.movedim(1, -1).float().cpu()[kept])
        self._truth.append(mask[kept])

    def pixels(self) -> tuple[Float[Tensor, "p k"], Int64[Tensor, " p"]]:
        """The logits of every pixel that was kept, and its class."""
        return torch.cat(self._logits), torch.cat(self._truth)


def fit_temperature(logits: Float[Tensor, "p k"], truth: Int64[Tensor, " p"]) -> float:
    """The temperature at which the classes of pixels are likeliest, between COLDEST and HOTTEST; 1 without a pixel.

    It is above 1 for a network that is surer than it is right. Every logit is divided by it, so that no prediction
    changes.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks, arXiv 1706.04599, section 4.2.
    """
    if not len(truth):
        return 1.0
    from scipy.optimize import fminbound  # here: a training begins without it

    exact = logits.double()

    def surprise(log_temperature: float) -> float:
        return F.cross_entropy(exact / math.exp(log_temperature), truth).item()

    found = fminbound(surprise, math.log(COLDEST), math.log(HOTTEST), xtol=1e-5)
    return math.exp(np.asarray(found).item())
