"""Layers shared by encoders and decoders, and their initialisation."""

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from common.errors import UserError

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


def norm_layer(norm: Norm, channels: int) -> nn.Module:
    """Return a normalisation with a learned scale and shift for each channel, eps 1e-5.

    "group" makes as many groups as the largest divisor of `channels` that is at most 8.
    """
    if norm == "instance":
        return nn.InstanceNorm2d(channels, affine=True)
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    groups = max(count for count in range(1, 9) if channels % count == 0)
    return nn.GroupNorm(groups, channels)


def normalise_visible(
    norm: nn.Module, x: Float[Tensor, "n c h w"], cells: Float[Tensor, "n 1 h w"]
) -> Float[Tensor, "n c h w"]:
    """Apply a normalisation with statistics over the cells where `cells` is 1 only.

    The output of the other cells is meaningless. Statistics that included zeros would not match whole images at
    fine-tuning. GroupNorm is applied to all cells, visible or not.

    Source: Tian et al. 2023, SparK, arXiv 2301.03580, section 3.1 (normalisation of sparse maps).
    """
    if isinstance(norm, nn.GroupNorm):
        return norm(x)
    assert isinstance(norm, nn.BatchNorm2d | nn.InstanceNorm2d)
    over_batch = isinstance(norm, nn.BatchNorm2d)
    if over_batch and not norm.training:
        return norm(x)
    given, x = x.dtype, x.to(torch.promote_types(x.dtype, torch.float32))  # sums over a batch need float32
    dims = (0, 2, 3) if over_batch else (2, 3)
    count = cells.sum(dims, keepdim=True).clamp(min=1)
    mean = (x * cells).sum(dims, keepdim=True) / count
    variance = ((x - mean).square() * cells).sum(dims, keepdim=True) / count
    if over_batch:
        _follow(norm, mean.detach(), (variance * count / (count - 1).clamp(min=1)).detach())
    scale, shift = norm.weight.view(-1, 1, 1), norm.bias.view(-1, 1, 1)
    return ((x - mean) * (variance + norm.eps).rsqrt() * scale + shift).to(given)


@torch.no_grad()
def _follow(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor) -> None:
    """Update the running statistics like a training step of BatchNorm."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.num_batches_tracked is not None
    assert norm.momentum is not None
    norm.running_mean.lerp_(mean.flatten(), norm.momentum)
    norm.running_var.lerp_(variance.flatten(), norm.momentum)
    norm.num_batches_tracked.add_(1)


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
                f"{name} has {len(numbers)} numbers {tuple(numbers)}, but the network has {steps} steps; "
                "give one number for each step"
            )
