"""Maps of twice the size."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F


class Double(nn.Module):
    """Bilinear upsampling to twice the height and width, each value at its cell's centre, edges repeated.

    Values are those of `torch.nn.Upsample`. Its gradient is slow on a CPU for the maps that a decoder concatenates,
    unless they are copied into channels-last first, and has other last bits each time on a GPU: there, and in the other
    order, it is sums of slices.
    """

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c 2*h 2*w"]:
        return _Double.apply(x) if torch.is_grad_enabled() and x.requires_grad else _enlarged(x)


class _Double(torch.autograd.Function):
    """The enlarged map; its gradient goes back along rows and then along columns."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.shape = x.shape
        ctx.torch_is_fast = x.device.type == "cpu" and x.is_contiguous(memory_format=torch.channels_last)
        return _enlarged(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor):  # type: ignore[override]
        grad = grad_outputs[0]
        if not ctx.torch_is_fast:
            return _gathered(_gathered(grad, 2), 3)
        whole = grad.contiguous(memory_format=torch.channels_last)
        return torch.ops.aten.upsample_bilinear2d_backward(whole, grad.shape[2:], ctx.shape, False, 2.0, 2.0)


def _enlarged(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def _gathered(grad: Tensor, dim: int) -> Tensor:
    """A value's gradient along `dim`: 0.75 of its own two pixels and 0.25 of their neighbours, at an edge of itself."""
    cells = grad.shape[dim] // 2
    first, second = grad.unflatten(dim, (cells, 2)).unbind(dim + 1)
    out, rest = (first + second).mul_(0.75), cells - 1
    out.narrow(dim, 1, rest).add_(second.narrow(dim, 0, rest), alpha=0.25)
    out.narrow(dim, 0, rest).add_(first.narrow(dim, 1, rest), alpha=0.25)
    out.narrow(dim, 0, 1).add_(first.narrow(dim, 0, 1), alpha=0.25)
    out.narrow(dim, rest, 1).add_(second.narrow(dim, rest, 1), alpha=0.25)
    return out
