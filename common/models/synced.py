"""BatchNorm over the images of all processes that share a batch."""

from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from common.ranks.group import add_up, count, shares
from common.tensors import at_least_float32

Network = TypeVar("Network", bound=nn.Module)


class _Synced(nn.modules.batchnorm._BatchNorm):
    """A BatchNorm whose statistics in training are those of all processes; elsewhere it is as it was."""

    def forward(self, input: Tensor) -> Tensor:
        """The normalised maps."""
        return normalise_synced(self, input) if self.training and shares() else super().forward(input)


class Synced1d(_Synced, nn.BatchNorm1d):
    """For vectors."""


class Synced2d(_Synced, nn.BatchNorm2d):
    """For maps."""


def synced(network: Network, *, wanted: bool) -> Network:
    """The network with every BatchNorm over all processes, where there are several; weights are the same objects.

    torch.nn.SyncBatchNorm is for GPUs alone, and is no BatchNorm2d to those who look for one.
    """
    kinds = {nn.BatchNorm1d: Synced1d, nn.BatchNorm2d: Synced2d} if wanted and count() > 1 else {}
    for part in network.modules():
        if type(part) in kinds:
            object.__setattr__(part, "__class__", kinds[type(part)])
    return network


def normalise_synced(
    norm: nn.modules.batchnorm._BatchNorm, x: Float[Tensor, "n c *_"], cells: Float[Tensor, "n 1 h w"] | None = None
) -> Float[Tensor, "n c *_"]:
    """Normalise by the statistics of all processes, over the cells where `cells` is 1; the others become 0.

    Means and squares of each process are put together in float64: one exchange a layer and pass, and as exact as one
    process. In float32 at the least, also under autocast.

    Source: Chan et al. 1979, Updating formulae and a pairwise algorithm for computing sample variances, eq. 2.1.
    Deviation: none.
    """
    with torch.autocast(x.device.type, enabled=False):
        out, mean, variance, number = _Normalise.apply(x, cells, norm.weight, norm.bias, norm.eps)
        update_statistics(norm, mean, variance * number / (number - 1).clamp(min=1))
    return out


class _Normalise(torch.autograd.Function):
    """The normalised maps, with mean, variance and number of the values of each channel.

    A centred map is all that the gradient needs beside these; autograd would keep and walk through more.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, cells: Tensor | None, weight: Tensor, bias: Tensor, eps: float):
        exact, shape = at_least_float32(x), (1, -1, *[1] * (x.dim() - 2))
        counted = exact if cells is None else exact * cells
        images = counted.new_tensor(x.numel() // x.shape[1]) if cells is None else cells.sum().to(exact.dtype)
        mean = _sums(counted) / images.clamp(min=1)
        centred = exact - mean.view(shape) if cells is None else (exact - mean.view(shape)) * cells
        variance = _sums(centred.square()) / images.clamp(min=1)
        own = torch.stack([mean, variance + mean.double().square()]) * images.double()
        sums = add_up(torch.cat([images.double().view(1), own.flatten()]))
        number = sums[0].clamp(min=1)
        both, square = (sums[1:] / number).unflatten(0, (2, -1))
        spread = (square - both.square()).clamp(min=0)
        inverse = (spread + eps).rsqrt().to(exact.dtype)
        centred = centred.add_((mean - both.to(exact.dtype)).view(shape))
        out = torch.addcmul(bias.view(shape), centred, (inverse * weight).view(shape))
        ctx.save_for_backward(centred, cells, inverse, weight, number)
        ctx.mark_non_differentiable(both, spread, number)
        return (out if cells is None else out.mul_(cells)).to(x.dtype), both, spread, number

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor):  # type: ignore[override]
        centred, cells, inverse, weight, number = ctx.saved_tensors
        shape = (1, -1, *[1] * (centred.dim() - 2))
        given = grad_outputs[0]
        grad = given.to(centred.dtype) if cells is None else given.to(centred.dtype) * cells
        own = torch.stack([_sums(grad), _sums(grad * centred) * inverse])
        sums, along = (add_up(own.clone()) / number.to(own.dtype)).view(2, *shape)
        back = torch.addcmul(grad - sums, centred, -along * inverse.view(shape)).mul_((inverse * weight).view(shape))
        return (back if cells is None else back.mul_(cells)).to(given.dtype), None, own[1], own[0], None


def _sums(x: Float[Tensor, "n c *_"]) -> Float[Tensor, "c"]:
    return x.sum([0, *range(2, x.dim())])


@torch.no_grad()
def update_statistics(norm: nn.modules.batchnorm._BatchNorm, mean: Tensor, variance: Tensor) -> None:
    """Update the running statistics, of a number a channel, like a training step of BatchNorm."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.num_batches_tracked is not None
    assert norm.momentum is not None
    norm.running_mean.lerp_(mean.flatten().to(norm.running_mean), norm.momentum)
    norm.running_var.lerp_(variance.flatten().to(norm.running_var), norm.momentum)
    norm.num_batches_tracked.add_(1)
