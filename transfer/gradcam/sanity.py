"""Whether a class activation map depends on what its network has learnt, or on the picture alone."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.stats import rankdata
from torch import Tensor

from transfer.gradcam.cam import Activation, class_activation
from transfer.model import SegmentationNet

FIRST_SEED = 181_003_292
"""Far from the seeds of runs: an equal one would draw the weights that the training began with."""


def untrained(net: SegmentationNet, draws: int = 5) -> list[SegmentationNet]:
    """Networks of the same shape, and with the same statistics of their input, that have learnt nothing."""
    return [_untrained(net, FIRST_SEED + draw) for draw in range(draws)]


class Likeness(NamedTuple):
    """How alike maps are to those of untrained networks, for each image: |Spearman's rank correlation|, 0 to 1.

    NaN for a class that is not present.
    """

    found: Float[Tensor, " n"]
    """Near 1 where maps show the picture alone, near `chance` where they depend on training."""
    chance: Float[Tensor, " n"]
    """The same with the untrained networks' maps turned by 180 degrees: 0.5 for 2 x 2 cells, less for more."""


def randomised_correlation(
    activation: Activation,
    image: Float[Tensor, "n c h w"],
    *,
    others: Sequence[SegmentationNet],
    layer: str,
    target_class: int,
    where: Bool[Tensor, "n h w"],
) -> Likeness:
    """How alike the maps of a trained network are to those of `others`, which are `untrained`: the mean over these.

    `activation` is the trained network's for the same layer, class, and pixels `where`. Maps are compared before their
    negative part is cut off, whose zeros have no order, and without the correlation's sign: of an untrained network it
    is a matter of luck what speaks for and what against a class, so its mean would be 0 for the same edges too.

    Source: Adebayo et al. 2018, Sanity Checks for Saliency Maps, arXiv 1810.03292, section 3.
    Deviation: all layers are drawn afresh at once, which is the last step of their cascade.
    """
    asked: dict[str, Any] = {"layer": layer, "target_class": target_class, "where": where, "method": activation.method}
    maps = [class_activation(other, image, **asked).signed for other in others]
    return Likeness(
        _mean_spearman(activation.signed, maps),
        _mean_spearman(activation.signed, [other.flip(1, 2) for other in maps]),
    )


def _untrained(net: SegmentationNet, seed: int) -> SegmentationNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        other = SegmentationNet.from_architecture(net.architecture())
    other.to(net.encoder.mean.device).eval()
    other.encoder.mean.copy_(net.encoder.mean)
    other.encoder.std.copy_(net.encoder.std)
    return other


def _mean_spearman(signed: Float[Tensor, "n h w"], others: Sequence[Float[Tensor, "n h w"]]) -> Float[Tensor, " n"]:
    found = [[_spearman(one, their) for one, their in zip(signed, other, strict=True)] for other in others]
    return torch.tensor(found, dtype=torch.float32).abs().nanmean(0)


def _spearman(one: Float[Tensor, "h w"], other: Float[Tensor, "h w"]) -> float:
    first, second = one.flatten().cpu().numpy(), other.flatten().cpu().numpy()
    if np.ptp(first) == 0 or np.ptp(second) == 0:  # a constant has no ranks
        return float("nan")
    return float(np.corrcoef(rankdata(first), rankdata(second))[0, 1])
