"""Normalisation over the visible cells of a map alone."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from common.models.synced import Synced2d, normalise_synced, update_statistics
from common.ranks.group import shares
from common.tensors import at_least_float32


def normalise_visible(
    norm: nn.Module, x: Float[Tensor, "n c h w"], cells: Float[Tensor, "n 1 h w"], *, then: nn.Module | None = None
) -> Float[Tensor, "n c h w"]:
    """Apply a normalisation with statistics over the cells where `cells` is 1 only; the others become 0.

    `then` is applied to the result; it is an activation that leaves zeros as they are. Statistics that included zeros
    would not match whole images at fine-tuning. GroupNorm is applied to all cells, visible or not. On a CPU, maps in
    channels-last are computed at their visible cells only, unless torch.compile fuses the formula: whether a cell is
    visible breaks its graph, and what the cells return to is a view to it.

    Source: Tian et al. 2023, SparK, arXiv 2301.03580, section 3.1 (normalisation of sparse maps).
    """
    then = then or nn.Identity()
    if isinstance(norm, nn.GroupNorm) or (isinstance(norm, nn.BatchNorm2d) and not norm.training):
        return then(norm(x) * cells.to(x.dtype))
    assert isinstance(norm, nn.BatchNorm2d | nn.InstanceNorm2d)
    if isinstance(norm, Synced2d) and shares():
        return then(normalise_synced(norm, x, cells))
    pack = x.device.type == "cpu" and not torch.compiler.is_compiling()
    if pack and not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last):
        counts = [int(cells.sum())] if isinstance(norm, nn.BatchNorm2d) else cells.sum((1, 2, 3)).int().tolist()
        if min(counts) > 1:
            return _packed(norm, x, cells, counts, then)
    over_batch = isinstance(norm, nn.BatchNorm2d)
    out, mean, variance, count = _Masked.apply(x, cells, norm.weight, norm.bias, norm.eps, over_batch)
    if over_batch:
        update_statistics(norm, mean, variance * count / (count - 1).clamp(min=1))
    return then(out)


class _Masked(torch.autograd.Function):
    """The normalised map, 0 where `cells` is, with mean, variance and count of the cells as (n or 1, c or 1, 1, 1).

    In float32 at the least, also under autocast: sums over a batch need it. A map centred and masked is all that the
    gradient needs beside these; autograd would keep and walk through seven maps.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, cells: Tensor, weight: Tensor, bias: Tensor, eps: float, over_batch: bool):
        with torch.autocast(x.device.type, enabled=False):
            exact = at_least_float32(x)
            cells = cells.to(exact.dtype)
            count = _total(cells.sum((2, 3), keepdim=True), over_batch).clamp(min=1)
            mean = _total(_dot(exact, cells.expand_as(exact)), over_batch) / count
            centred = (exact - mean).mul_(cells)
            variance = _total(_dot(centred, centred), over_batch) / count
            inverse = (variance + eps).rsqrt()
            out = torch.addcmul(bias.view(-1, 1, 1), centred, inverse * weight.view(-1, 1, 1)).mul_(cells)
        ctx.save_for_backward(centred, cells, inverse, weight, count)
        ctx.over_batch = over_batch
        ctx.mark_non_differentiable(mean, variance, count)
        return out.to(x.dtype), mean, variance, count

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor):  # type: ignore[override]
        given = grad_outputs[0]
        centred, cells, inverse, weight, count = ctx.saved_tensors
        with torch.autocast(given.device.type, enabled=False):
            grad = given.to(centred.dtype)
            sums, along = _dot(grad, cells.expand_as(grad)), _dot(grad, centred) * inverse
            if ctx.over_batch:
                sums, along = sums.sum(0, keepdim=True), along.sum(0, keepdim=True)
            scale = inverse * weight.view(-1, 1, 1)
            back = torch.addcmul(-scale * sums / count, centred, -scale * along * inverse / count)
            back = back.addcmul_(grad, scale).mul_(cells)
        flat = (0, 2, 3)
        return back.to(given.dtype), None, along.sum(flat), sums.sum(flat), None, None


def _dot(a: Float[Tensor, "n c h w"], b: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c 1 1"]:
    """The sum of products over each channel of each image, which makes no map of the products."""
    return torch.linalg.vecdot(a.flatten(2), b.flatten(2))[..., None, None]


def _total(sums: Tensor, over_batch: bool) -> Tensor:
    return sums.sum(0, keepdim=True) if over_batch else sums


def _packed(
    norm: nn.BatchNorm2d | nn.InstanceNorm2d, x: Tensor, cells: Tensor, counts: list[int], then: nn.Module
) -> Float[Tensor, "n c h w"]:
    """The visible cells as rows, through torch's own kernels: all of them together, or those of each image."""
    index = cells.flatten().nonzero()[:, 0]
    mean, variance = (norm.running_mean, norm.running_var) if isinstance(norm, nn.BatchNorm2d) else (None, None)
    momentum = norm.momentum or 0.0
    parts = [
        torch.batch_norm(part, norm.weight, norm.bias, mean, variance, True, momentum, norm.eps, False)
        for part in _Gather.apply(x, index).split(counts)
    ]
    if isinstance(norm, nn.BatchNorm2d) and norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    return _Scatter.apply(then(parts[0] if len(parts) == 1 else torch.cat(parts)), index, x.shape)


class _Gather(torch.autograd.Function):
    """The cells of a channels-last map that `index` numbers, as rows."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, index: Tensor) -> Tensor:
        ctx.index, ctx.shape = index, x.shape
        return _rows(x).index_select(0, index)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor):  # type: ignore[override]
        return _spread(grad_outputs[0], ctx.index, ctx.shape), None


class _Scatter(torch.autograd.Function):
    """The channels-last map with these rows at its cells that `index` numbers, and 0 at the others."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, index: Tensor, shape: torch.Size) -> Tensor:
        ctx.index = index
        return _spread(rows, index, shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Tensor):  # type: ignore[override]
        return _rows(grad_outputs[0]).index_select(0, ctx.index), None, None


def _rows(x: Float[Tensor, "n c h w"]) -> Float[Tensor, "m c"]:
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


def _spread(rows: Float[Tensor, "m c"], index: Tensor, shape: torch.Size) -> Float[Tensor, "n c h w"]:
    out = torch.empty(shape, dtype=rows.dtype, device=rows.device, memory_format=torch.channels_last).zero_()
    _rows(out).index_copy_(0, index, rows)
    return out
