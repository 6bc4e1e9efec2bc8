"""Telling photographs apart: two augmented views of one are to be nearer to each other than to all others."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

TEMPERATURE = 0.2


def contrast_error(
    first: Float[Tensor, "n d"], second: Float[Tensor, "n d"], *, temperature: float = TEMPERATURE
) -> Float[Tensor, ""]:
    """How badly each vector of one view finds its picture's other view among all vectors of the batch, in nats.

    Vectors have length 1. log(2n - 1) for who knows nothing; of one picture alone 0. Pictures of other devices of a
    distributed training are not looked at.

    Source: Chen et al. 2020, SimCLR, arXiv 2002.05709, eq. 1 and algorithm 1 (NT-Xent).
    Deviation: none.
    """
    both = torch.cat([first, second])
    likeness = (both @ both.T / temperature).fill_diagonal_(-torch.inf)
    return F.cross_entropy(likeness, torch.arange(len(both), device=both.device).roll(len(first)))
