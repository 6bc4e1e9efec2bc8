"""The randomisation test of class activation maps: their dependence on training, not on the image alone."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from transfer.gradcam.cam import Activation, Explained, Method
from transfer.model import SegmentationNet

FIRST_SEED = 181_003_292
"""Far from the seeds of runs, because an equal seed would reproduce the initial weights of the training."""


def untrained(net: SegmentationNet, draws: int = 5) -> list[SegmentationNet]:
    """Return untrained networks of the same architecture and input statistics."""
    return [_untrained(net, FIRST_SEED + draw) for draw in range(draws)]


class Likeness(NamedTuple):
    """Similarity of maps to those of untrained networks for each image: |Spearman's rank correlation|, 0 to 1.

    NaN for a class that is not present.
    """

    found: Float[Tensor, " n"]
    """Near 1 if maps depend on the image alone, near `chance` if they depend on training."""
    chance: Float[Tensor, " n"]
    """Chance level, with the untrained networks' maps turned by 180 degrees: 0.5 for 2 x 2 cells, less for more."""


def randomised_correlations(
    activations: Mapping[tuple[str, int], Activation],
    image: Float[Tensor, "n c h w"],
    prediction: Int64[Tensor, "n h w"],
    *,
    others: Sequence[SegmentationNet],
) -> dict[tuple[str, int], Likeness]:
    """Return the mean similarity of a trained network's maps to those of the `untrained` networks `others`.

    `activations` are the trained network's, by layer and class (every class for every layer), for the pixels with this
    class in `prediction`. Each
    network sees the images once. Maps are compared before clipping at 0, because zeros have no order. The correlation's
    sign is dropped: it is random for an untrained network, so its mean would be 0 even for identical edges.

    Source: Adebayo et al. 2018, Sanity Checks for Saliency Maps, arXiv 1810.03292, section 3.
    Deviation: all layers are drawn afresh at once, which is the last step of their cascade.
    """
    maps: dict[tuple[str, int], list[Float[Tensor, "n h w"]]] = {query: [] for query in activations}
    layers, classes = (list(dict.fromkeys(column)) for column in zip(*activations, strict=True))
    methods: set[Method] = {activation.method for activation in activations.values()}
    method = methods.pop() if len(methods) == 1 else "auto"  # which chose them: it depends on the architecture alone
    for other in others:
        explained = Explained(other, image, layers)
        for k in classes:
            for layer, theirs in explained.maps(k, where=prediction == k, method=method).items():
                maps[layer, k].append(theirs.signed)
    return {query: _likeness(ours.signed, maps[query]) for query, ours in activations.items()}


def _likeness(signed: Float[Tensor, "n h w"], others: Sequence[Float[Tensor, "n h w"]]) -> Likeness:
    return Likeness(_mean_spearman(signed, others), _mean_spearman(signed, [other.flip(1, 2) for other in others]))


def _untrained(net: SegmentationNet, seed: int) -> SegmentationNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        other = SegmentationNet.from_architecture(net.architecture())
    other.to(net.encoder.mean.device).eval()
    other.encoder.mean.copy_(net.encoder.mean)
    other.encoder.std.copy_(net.encoder.std)
    return other


def _mean_spearman(signed: Float[Tensor, "n h w"], others: Sequence[Float[Tensor, "n h w"]]) -> Float[Tensor, " n"]:
    correlations = [[_spearman(*pair) for pair in zip(signed, other, strict=True)] for other in others]
    return torch.tensor(correlations, dtype=torch.float32).abs().nanmean(0)


def _spearman(one: Float[Tensor, "h w"], other: Float[Tensor, "h w"]) -> float:
    first, second = one.flatten().cpu().numpy(), other.flatten().cpu().numpy()
    if np.ptp(first) == 0 or np.ptp(second) == 0:  # a constant has no ranks
        return float("nan")
    from scipy.stats import rankdata  # here: it takes seconds to import

    return float(np.corrcoef(rankdata(first), rankdata(second))[0, 1])
