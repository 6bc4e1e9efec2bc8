"""Pictures of phase 1: what went in, what came out, and where they differ."""

import numpy as np
import torch
from jaxtyping import Float, UInt8

from common.data.batches import read_batch
from common.data.pack import Pack
from common.figures import grid, heat, to_bytes
from pretrain.model import Autoencoder


@torch.no_grad()
def reconstruction_grid(
    model: Autoencoder, pack: Pack, *, device: torch.device, count: int = 8
) -> UInt8[np.ndarray, "h w 3"]:
    """Original, reconstruction and error (black 0, white 0.25 and more) of the first images, a row each."""
    model.eval()
    image = read_batch(pack, np.arange(min(count, len(pack))), device).image
    reconstruction = model(image).clamp(0, 1)
    error = _error(reconstruction, image)
    return grid({"original": to_bytes(image), "reconstruction": to_bytes(reconstruction), "error": error})


def _error(
    reconstruction: Float[torch.Tensor, "n c h w"], image: Float[torch.Tensor, "n c h w"]
) -> UInt8[np.ndarray, "n h w 3"]:
    return heat((reconstruction - image).abs().mean(1).cpu().numpy() / 0.25)
