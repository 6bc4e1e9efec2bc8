"""Averages of what several networks, or one in several views of an image, predict."""

from collections.abc import Iterable, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from transfer.metrics.quality import entropy

VIEWS: Mapping[str, Sequence[Sequence[int]]] = {
    "none": ((),),
    "flip": ((), (-1,)),
    "flips": ((), (-1,), (-2,), (-2, -1)),
}
"""The sides that each view mirrors, by the name that --tta takes."""


def averaged(predictions: Iterable[Float[Tensor, "n k h w"]]) -> Float[Tensor, "n maps h w"]:
    """The logarithms of mean probabilities, whose softmax these are, and behind them a map of how much they differ.

    The uncertainty is the mutual information of class and network: the entropy of the mean less the mean entropy. It
    is 0 where all networks predict the same probabilities, however unsure of the class these are.

    Source: Houlsby et al. 2011, Bayesian Active Learning for Classification, arXiv 1112.5745, equation 2; of ensembles
    Malinin & Gales 2018, arXiv 1802.10501, section 2.
    Deviation: divided by the logarithm of the number of classes, so that it lies in [0, 1].
    """
    rest = iter(predictions)
    total = next(rest)
    unsure, count = entropy(total), 1
    for chances in rest:
        total, unsure, count = total + chances, unsure + entropy(chances), count + 1
    mean = total / count
    information = (entropy(mean) - unsure / count).clamp(min=0)
    return torch.cat([mean.clamp(min=torch.finfo(mean.dtype).tiny).log(), information[:, None]], dim=1)
