"""Layers shared by encoders and decoders, and their initialisation."""

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from common.errors import UserError
from common.words import counted

Norm = Literal["instance", "batch", "group"]
Channels = Annotated[int, Field(ge=1, le=4)]
"""Of an image."""
Widths = Annotated[Sequence[Annotated[int, Field(ge=1, le=2**16)]], Field(min_length=1, max_length=16)]
"""Channels of some maps; the types of a part's arguments are what a file that describes it is checked against."""
Strides = Annotated[Sequence[Annotated[int, Field(ge=1, le=2**15)]], Field(min_length=1, max_length=16)]
Rates = Sequence[Annotated[float, Field(ge=0, le=1)]]
"""Of dropout."""

NORMS = (nn.InstanceNorm2d, nn.BatchNorm2d, nn.GroupNorm)
LEAKY_SLOPE = 0.01


class InstanceNorm(nn.InstanceNorm2d):
    """torch's layer, which on a CPU copies channels-last maps into the other order and back, without the copies."""

    def forward(self, input: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        if input.device.type != "cpu" or input.is_contiguous():
            return super().forward(input)
        images = input.split(1)  # whose statistics over the batch are those of the one image
        rest = (None, None, self.weight, self.bias, True, 0.0, self.eps)
        return torch.cat([functional.batch_norm(image, *rest) for image in images])


def norm_layer(norm: Norm, channels: int) -> nn.Module:
    """Return a normalisation with a learned scale and shift for each channel, eps 1e-5.

    "group" makes as many groups as the largest divisor of `channels` that is at most 8.
    """
    if norm == "instance":
        return InstanceNorm(channels, affine=True)
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    groups = max(count for count in range(1, 9) if channels % count == 0)
    return nn.GroupNorm(groups, channels)


def two_convolutions(in_channels: int, width: int, *, norm: Norm, stride: int = 1) -> list[nn.Module]:
    """Return two blocks of 3x3 convolution with bias, normalisation and LeakyReLU; the first has the stride."""
    layers: list[nn.Module] = []
    for channels, step in ((in_channels, stride), (width, 1)):
        layers += [
            nn.Conv2d(channels, width, 3, stride=step, padding=1),
            norm_layer(norm, width),
            nn.LeakyReLU(LEAKY_SLOPE, inplace=True),
        ]
    return layers


def initialise(module: nn.Module) -> None:
    """Initialise convolutions to preserve variance through LeakyReLU, with zero biases.

    Source: He et al. 2015, arXiv 1502.01852, eq. 15 (normal distribution, fan in).
    Deviation: none.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, a=LEAKY_SLOPE, nonlinearity="leaky_relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def require_one_each(steps: int, **given: Sequence[float]) -> None:
    """Raise UserError unless each setting has one number for every step of the network."""
    for name, numbers in given.items():
        if len(numbers) != steps:
            raise UserError(
                f"{name} has {counted(len(numbers), 'number')} ({' '.join(map(str, numbers))}), and the network has "
                f"{counted(steps, 'step')} there: give one for each step"
            )
