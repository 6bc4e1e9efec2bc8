"""Looking into a network without changing it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn


def collect_outputs(
    layers: nn.Sequential, taps: Sequence[int], image: Float[Tensor, "n c h w"]
) -> list[Float[Tensor, "n _ _ _"]]:
    """Run the layers one after the other and keep the outputs of those whose index is in `taps`."""
    maps = []
    for index, layer in enumerate(layers):
        image = layer(image)
        if index in taps:
            maps.append(image)
    return maps


@contextmanager
def eval_mode(network: nn.Module) -> Iterator[None]:
    """Look at a network in the middle of its training: inside, evaluation mode and no gradients.

    Afterwards each of its layers has the mode that it had.
    """
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode
