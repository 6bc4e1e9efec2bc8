"""Convolutions of single channels, which a CPU computes more slowly in bf16 than in float32."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from common.tensors import at_least_float32

FEW = 2
"""Channels in a group, at most: the gradient takes 3 to 17 times as long in bf16 then (docs/performance.md)."""


class Float32Conv2d(nn.Conv2d):
    """torch's layer, which on a CPU computes in float32 under autocast, too; its output has the input's format."""

    def forward(self, input: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d _ _"]:
        if input.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
            return super().forward(input)
        with torch.autocast("cpu", enabled=False):
            return super().forward(at_least_float32(input)).to(input.dtype)


def spare_depthwise(network: nn.Module) -> None:
    """Keep depthwise convolutions with strides or large kernels in float32, which is faster on a CPU.

    The layers are the same objects with the same weights, of another class.
    """
    for layer in network.modules():
        if type(layer) is nn.Conv2d and _is_slow(layer):
            layer.__class__ = Float32Conv2d


def _is_slow(layer: nn.Conv2d) -> bool:
    few = layer.groups > 1 and layer.in_channels // layer.groups <= FEW
    return few and (max(layer.stride) > 1 or max(layer.kernel_size) > 3)
