"""Weights for three channels, fitted to a network of another number of them."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn


def channel_statistics(colours: Sequence[float], channels: int) -> tuple[float, ...]:
    """Return a statistic of red, green and blue for each channel: its average unless there are three channels."""
    return tuple(colours) if channels == len(colours) else (sum(colours) / len(colours),) * channels


def adapt_channels(state: Mapping[str, Tensor], module: nn.Module) -> dict[str, Tensor]:
    """Return the weights with the first convolution fitted to the network's number of input channels.

    One channel gets the sum of the red, green and blue filters. More channels repeat them in turn, scaled so that
    equal channels give the output of equal colours. Tensors that differ otherwise stay, for `load_exactly` to refuse.

    Source: `adapt_input_conv` of timm (Wightman 2019).
    """
    own = {name: tensor.shape for name, tensor in module.state_dict().items()}
    return {
        name: _refit(tensor, own[name][1]) if name in own and _differs_in_channels(tensor.shape, own[name]) else tensor
        for name, tensor in state.items()
    }


def _differs_in_channels(given: torch.Size, wanted: torch.Size) -> bool:
    return len(given) == len(wanted) == 4 and given[1] == 3 != wanted[1] and given[2:] == wanted[2:]


def _refit(weight: Float[Tensor, "d 3 h w"], channels: int) -> Float[Tensor, "d {channels} h w"]:
    if channels == 1:
        return weight.sum(1, keepdim=True)
    return weight[:, torch.arange(channels) % 3] * (3 / channels)
