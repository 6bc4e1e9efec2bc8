"""Telling photographs apart: two augmented views of one are to be nearer to each other than to all others."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

TEMPERATURE = 0.2
LEVELS = 2
"""How many of an encoder's maps, the coarsest, describe a picture."""
LENGTH = 128
"""Numbers in an embedding."""


class Projection(nn.Module):
    """One vector of length 1 for each picture, from the coarsest maps of its encoder.

    Each map is averaged over its cells, which weigh by their share of `figure` pixels (1) where that is given: so the
    vector tells of what stands out and not of the ground. Where nothing stands out all cells weigh alike.

    Source: Chen et al. 2020, SimCLR, arXiv 2002.05709, section 2.1 (the projection head); Van Gansbeke et al. 2021,
    MaskContrast, arXiv 2102.06191, section 3.2 (the mean over what stands out).
    Deviation: maps of two strides; the mean comes before the projection, where MaskContrast projects pixels.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        width = sum(channels[-LEVELS:])
        self.layers = nn.Sequential(
            nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU(inplace=True), nn.Linear(width, LENGTH)
        )

    def forward(
        self, features: Sequence[Float[Tensor, "n _ _ _"]], figure: Int64[Tensor, "n h w"] | None = None
    ) -> Float[Tensor, "n d"]:
        """The vectors, from maps finest first."""
        pooled = torch.cat([_mean(maps, figure) for maps in features[-LEVELS:]], dim=1)
        return F.normalize(self.layers(pooled), dim=1)


def _mean(maps: Float[Tensor, "n c p q"], figure: Int64[Tensor, "n h w"] | None) -> Float[Tensor, "n c"]:
    if figure is None:
        return maps.mean((2, 3))
    height, width = maps.shape[-2:]
    shares = F.adaptive_avg_pool2d((figure == 1)[:, None].to(maps.dtype), (height, width))
    weight = shares + 1e-3  # so that a picture without a figure has a mean too
    return (maps * weight).sum((2, 3)) / weight.sum((2, 3))


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
