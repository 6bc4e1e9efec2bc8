"""BatchNorm over the images of all processes that share a batch."""

from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from common.ranks.group import count, shares, total
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

    Means and squares of each process are put together in float64: one exchange a layer, and as exact as one process.

    Source: Chan et al. 1979, Updating formulae and a pairwise algorithm for computing sample variances, eq. 2.1.
    Deviation: none.
    """
    with torch.autocast(x.device.type, enabled=False):
        exact, dims = at_least_float32(x), [0, *range(2, x.dim())]
        shape = [1, -1, *[1] * (x.dim() - 2)]
        if cells is None:
            images = torch.tensor(float(x.numel() // x.shape[1]), device=x.device)
            variance, mean = torch.var_mean(exact, dims, correction=0)
        else:
            cells = cells.to(exact.dtype)
            images = cells.sum()
            mean = (exact * cells).sum(dims) / images.clamp(min=1)
            variance = ((exact - mean.view(shape)).square() * cells).sum(dims) / images.clamp(min=1)
        own = torch.stack([mean, variance + mean.double().square()]) * images.double()
        sums = total(torch.cat([images.double().view(1), own.flatten()]))
        number = sums[0].clamp(min=1)
        mean, square = (sums[1:] / number).unflatten(0, (2, -1))
        variance = (square - mean.square()).clamp(min=0)
        _follow(norm, mean, variance * number / (number - 1).clamp(min=1))
        scale = (variance + norm.eps).rsqrt() * norm.weight
        shift = norm.bias - mean * scale
        out = torch.addcmul(shift.to(exact.dtype).view(shape), exact, scale.to(exact.dtype).view(shape))
        return (out if cells is None else out * cells).to(x.dtype)


@torch.no_grad()
def _follow(norm: nn.modules.batchnorm._BatchNorm, mean: Tensor, variance: Tensor) -> None:
    """Update the running statistics like a training step of BatchNorm."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert norm.num_batches_tracked is not None
    assert norm.momentum is not None
    norm.running_mean.lerp_(mean.to(norm.running_mean), norm.momentum)
    norm.running_var.lerp_(variance.to(norm.running_var), norm.momentum)
    norm.num_batches_tracked.add_(1)
