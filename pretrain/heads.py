"""Heads of the autoencoder: from the maps of its encoder and decoder to what an objective compares."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from common.models.decoder import Decoder
from common.tensors import foreground_mean

LEVELS = 2
"""How many of an encoder's maps, the coarsest, describe an image."""
LENGTH = 128
"""Numbers in an embedding."""


class Maps(NamedTuple):
    """The inputs of a head."""

    features: Sequence[Float[Tensor, "n _ _ _"]]
    """The encoder's maps, finest first."""
    decoded: Float[Tensor, "n d p q"]
    """The decoder's map."""
    width: int
    """Width of the image in pixels."""
    foreground: Int64[Tensor, "n h w"] | None = None
    """The pseudo-mask (1 foreground), where there is one."""


class Head(nn.Module):
    """The last layers for one output of the autoencoder."""

    @property
    def stored(self) -> nn.Module:
        """The module whose weights a handover file holds."""
        return self

    def forward(self, maps: Maps) -> Tensor:
        """The output; its first dimension is the batch."""
        raise NotImplementedError


class PixelHead(Head):
    """Values for each pixel of the image, unbounded."""

    def __init__(self, decoder: Decoder, channels: int) -> None:
        super().__init__()
        self.layers = decoder.head(channels)

    @property
    def stored(self) -> nn.Module:
        return self.layers

    def forward(self, maps: Maps) -> Float[Tensor, "n c h w"]:
        """The values."""
        return self.layers(maps.decoded)


class CellHead(Head):
    """Values for each cell of `cell` x `cell` pixels, which start as 0."""

    def __init__(self, decoder: Decoder, channels: int, cell: int) -> None:
        super().__init__()
        self.layers = nn.Conv2d(decoder.out_channels, channels, 1)
        self.cell = cell
        for parameter in self.layers.parameters():
            nn.init.zeros_(parameter)

    @property
    def stored(self) -> nn.Module:
        return self.layers

    def forward(self, maps: Maps) -> Float[Tensor, "n c _ _"]:
        """The values."""
        # Averaging over a cell and a 1x1 convolution can change places: this order is 64 times cheaper.
        # A mean of independent values shrinks with their number: times the side it keeps their spread.
        side = self.cell * maps.decoded.shape[-1] // maps.width
        return self.layers(F.avg_pool2d(maps.decoded, side) * side)


class EncoderHead(Head):
    """An output of the encoder's maps alone, for objectives that compare two views of an image."""

    def forward(self, maps: Maps) -> Tensor:
        """The output for a decoded image."""
        return self.describe(maps.features, maps.foreground)

    def describe(
        self, features: Sequence[Float[Tensor, "n _ _ _"]], foreground: Int64[Tensor, "n h w"] | None = None
    ) -> Tensor:
        """The output, without decoding."""
        raise NotImplementedError


class Projection(EncoderHead):
    """One vector of length 1 for each image, from the coarsest maps of its encoder.

    Each map is averaged over its cells, weighted by their share of foreground where it is given: the vector describes
    the foreground and not the background. In an image without foreground all cells have equal weight.

    Source: Chen et al. 2020, SimCLR, arXiv 2002.05709, section 2.1 (the projection head); Van Gansbeke et al. 2021,
    MaskContrast, arXiv 2102.06191, section 3.2 (the mean over the foreground).
    Deviation: maps of two strides; the mean comes before the projection, where MaskContrast projects pixels.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        width = sum(channels[-LEVELS:])
        self.layers = nn.Sequential(
            nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU(inplace=True), nn.Linear(width, LENGTH)
        )

    def describe(
        self, features: Sequence[Float[Tensor, "n _ _ _"]], foreground: Int64[Tensor, "n h w"] | None = None
    ) -> Float[Tensor, "n d"]:
        """The vectors, from maps finest first."""
        shown = None if foreground is None else (foreground == 1).float()
        levels = features[-LEVELS:]
        means = [maps.mean((2, 3)) if shown is None else foreground_mean(maps, shown) for maps in levels]
        pooled = torch.cat(means, dim=1)
        return F.normalize(self.layers(pooled), dim=1)
