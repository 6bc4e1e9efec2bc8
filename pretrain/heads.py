"""Heads of the autoencoder beside those of its decoder."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

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
