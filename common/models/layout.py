"""The order in memory of a network's weights and maps."""

import torch
from torch import nn

SLOWER = nn.GroupNorm
"""On a CPU it copies its maps into the other order and back: 0.9 times the speed (docs/performance.md)."""


def channels_last(network: nn.Module) -> None:
    """Order the weights channels-last, and with them the maps, unless a normalisation is slower with it.

    Values stay the same; sums over channels have other last bits.
    """
    if not any(isinstance(part, SLOWER) for part in network.modules()):
        network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
