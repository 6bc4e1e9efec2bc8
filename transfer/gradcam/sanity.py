"""The randomisation test of class activation maps: their dependence on training, not on the image alone."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Float64, Int64
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
    ours, theirs = _ranks(signed), [_ranks(other) for other in others]
    return Likeness(_mean_correlation(ours, theirs), _mean_correlation(ours, [ranks.flip(1, 2) for ranks in theirs]))


def _untrained(net: SegmentationNet, seed: int) -> SegmentationNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        other = SegmentationNet.from_architecture(net.architecture())
    other.to(net.encoder.mean.device).eval()
    other.encoder.mean.copy_(net.encoder.mean)
    other.encoder.std.copy_(net.encoder.std)
    return other


def _ranks(maps: Float[Tensor, "n h w"]) -> Float64[Tensor, "n h w"]:
    """Ranks of the cells of each map, with mean 0 and variance 1; NaN for a constant map, which has no order."""
    from scipy.stats import rankdata  # here: it takes seconds to import

    ranks = torch.from_numpy(rankdata(maps.flatten(1).cpu().numpy(), axis=1)).unflatten(1, maps.shape[1:])
    return (ranks - ranks.mean((1, 2), keepdim=True)) / ranks.std((1, 2), correction=0, keepdim=True)


def _mean_correlation(
    ranks: Float64[Tensor, "n h w"], others: Sequence[Float64[Tensor, "n h w"]]
) -> Float[Tensor, " n"]:
    correlations = torch.stack([(ranks * other).mean((1, 2)) for other in others])
    return correlations.abs().nanmean(0).float()
