"""Tensors: those from files whole, plain and finite, those that are summed in enough digits, and means of images."""

from typing import Annotated, TypeAlias

import torch
from jaxtyping import Bool, Float
from pydantic import AfterValidator, InstanceOf, StrictStr
from torch import Tensor
from torch.nn import functional as F

LEAST_WEIGHT = 1e-3
"""Of a cell without foreground."""
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_WHOLE_NUMBERS = (torch.int64, torch.int32, torch.uint8, torch.bool)


def _whole(tensor: Tensor) -> Tensor:
    """The tensor without its gradient. Raises ValueError where its values are not all in the file, or not all numbers.

    A view of stride 0 has more values than bytes: writing it out would take memory that the file's size does not tell.
    """
    plain = tensor.layout == torch.strided and tensor.dtype in (*_FLOATS, *_WHOLE_NUMBERS) and not tensor.is_neg()
    if not plain or tensor.device.type != "cpu":
        raise ValueError(f"it is a tensor of {_words(tensor)}, not a plain one on the CPU")
    if tensor.untyped_storage().nbytes() < tensor.numel() * tensor.element_size():
        raise ValueError(f"its {tensor.numel()} values are not in the file")
    if not torch.isfinite(tensor).all():
        raise ValueError("it holds values that are not finite: the training diverged")
    return tensor.detach()


def _words(tensor: Tensor) -> str:
    return ", ".join(str(part).removeprefix("torch.") for part in (tensor.layout, tensor.dtype, tensor.device))


def bytes_of(tensor: Tensor) -> memoryview:
    """The bytes of a tensor's values in their order, for a digest; no copy is made of a plain one on the CPU."""
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data


def at_least_float32(tensor: Tensor) -> Tensor:
    """The tensor in float32, or in float64 where it is; lower formats round what losses and statistics sum."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def image_mean(values: Float[Tensor, "n c h w"], valid: Bool[Tensor, "n 1 h w"] | None) -> Float[Tensor, " n"]:
    """The mean of each image over its pixels that are `valid`; over all of them for None."""
    if valid is None:
        return values.mean((1, 2, 3))
    counted = valid.expand_as(values)
    return (values * counted).sum((1, 2, 3)) / counted.sum((1, 2, 3))


def foreground_mean(maps: Float[Tensor, "n c p q"], foreground: Float[Tensor, "n h w"]) -> Float[Tensor, "n c"]:
    """The mean of each map over its cells, weighted by their share of `foreground` (0 to 1 in each pixel).

    In an image without any all cells have equal weight.
    """
    shares = F.adaptive_avg_pool2d(foreground[:, None].to(maps.dtype), (maps.shape[2], maps.shape[3]))
    weight = shares + LEAST_WEIGHT
    return (maps * weight).sum((2, 3)) / weight.sum((2, 3))


WholeTensor: TypeAlias = Annotated[InstanceOf[Tensor], AfterValidator(_whole)]
State: TypeAlias = dict[StrictStr, WholeTensor]
"""The tensors of a network, or of a part of one, by their names."""
