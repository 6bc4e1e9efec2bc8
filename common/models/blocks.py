"""The layers that encoders and decoders are built of."""

from collections.abc import Sequence
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from common.errors import UserError

Norm = Literal["instance", "batch", "group"]

LEAKY_SLOPE = 0.01


def norm_layer(norm: Norm, channels: int) -> nn.Module:
    """A normalisation with a learned scale and shift for each channel, eps 1e-5.

    "group" makes as many groups as the largest divisor of `channels` that is at most 8.
    """
    if norm == "instance":
        return nn.InstanceNorm2d(channels, affine=True)
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    groups = max(count for count in range(1, 9) if channels % count == 0)
    return nn.GroupNorm(groups, channels)


def two_convolutions(in_channels: int, width: int, *, norm: Norm, stride: int = 1) -> list[nn.Module]:
    """Twice a 3x3 convolution with bias, normalisation and LeakyReLU; the first one takes the stride."""
    layers: list[nn.Module] = []
    for channels, step in ((in_channels, stride), (width, 1)):
        layers += [
            nn.Conv2d(channels, width, 3, stride=step, padding=1),
            norm_layer(norm, width),
            nn.LeakyReLU(LEAKY_SLOPE, inplace=True),
        ]
    return layers


def initialise(module: nn.Module) -> None:
    """Draw convolution weights so that a LeakyReLU network keeps its variance, and set biases to zero.

    Source: He et al. 2015, arXiv 1502.01852, eq. 15 (normal distribution, fan in).
    Deviation: none.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, a=LEAKY_SLOPE, nonlinearity="leaky_relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def tapped(
    layers: nn.Sequential, taps: Sequence[int], image: Float[Tensor, "n c h w"]
) -> list[Float[Tensor, "n _ _ _"]]:
    """Run the layers one after the other and keep the outputs of those whose index is in `taps`."""
    maps = []
    for index, layer in enumerate(layers):
        image = layer(image)
        if index in taps:
            maps.append(image)
    return maps


def require_one_each(steps: int, **given: Sequence[float]) -> None:
    """Refuse a setting that does not have one number for each step of a network."""
    for name, numbers in given.items():
        if len(numbers) != steps:
            raise UserError(
                f"{name} has {len(numbers)} numbers {tuple(numbers)}, but the network has {steps} steps; "
                "give one number for each step"
            )
