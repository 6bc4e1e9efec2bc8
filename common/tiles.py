"""Images of any size through a network of torch: windows that overlap, whose logits are blended where they do."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from common.data.batches import to_images
from common.windows import Block, Side, Tiling, blend, windows

Network = Callable[[Float[Tensor, "n c h w"]], Float[Tensor, "n k h w"]]
"""From images in [0, 1] to logits of the same height and width."""


def blended(
    network: Network,
    image: UInt8[np.ndarray, "h w c"],
    tiling: Tiling,
    *,
    batch_size: int = 1,
    device: torch.device | str = "cpu",
) -> Iterator[Block]:
    """The logits of an image of any size: a block for each window, row by row, that together are the image.

    As `blend`; memory holds `batch_size` windows beside. The image may be a memory map.
    """
    down, across = (tiling.along(length) for length in image.shape[:2])
    return blend(_logits(network, image, down, across, batch_size=batch_size, device=device), down, across, like=_like)


def _like(numbers: Float32[np.ndarray, "..."], part: Tensor) -> Tensor:
    return torch.from_numpy(numbers).to(part)


def _logits(
    network: Network,
    image: UInt8[np.ndarray, "h w c"],
    down: Side,
    across: Side,
    *,
    batch_size: int,
    device: torch.device | str,
) -> Iterator[Float[Tensor, "k h w"]]:
    """The logits of each window, row by row."""
    for batch in windows(image, down, across, batch_size=batch_size):
        with torch.no_grad():
            logits = network(to_images(batch, device))
        yield from logits
