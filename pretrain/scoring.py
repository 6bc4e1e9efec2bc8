"""How well an autoencoder rebuilds pictures, image by image and in mean."""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from common.data.batches import each_image
from common.data.pack import Pack
from common.rows import Row
from pretrain.metrics import reconstruction_scores
from pretrain.model import Autoencoder


def means(scores: Mapping[str, Float[np.ndarray, " n"]]) -> Row:
    """The mean of each score over the images."""
    return {name: values.mean().item() for name, values in scores.items()}


@torch.no_grad()
def image_scores(
    model: Autoencoder, pack: Pack, *, batch_size: int, device: torch.device, doing: str = ""
) -> dict[str, Float[np.ndarray, " n"]]:
    """MSE, PSNR (dB) and SSIM of every image in file order, and the PSNR where all skips are zero.

    "psnr_no_skips" is the skip-dependence score: far below "psnr", the picture was carried by the skips, not by
    the coarsest map. It is absent where the decoder has no skips. With `doing` ("scoring") a bar is shown.
    """
    model.eval()
    columns = defaultdict(list)
    for batch in each_image(pack, batch_size=batch_size, device=device, doing=doing):
        reconstruction, without = rebuild(model, batch.image)
        scores = reconstruction_scores(reconstruction, batch.image)
        if without is not None:
            scores["psnr_no_skips"] = reconstruction_scores(without, batch.image)["psnr"]
        for name, values in scores.items():
            columns[name].append(values.cpu().numpy())
    return {name: np.concatenate(parts).astype(np.float64) for name, parts in columns.items()}


def rebuild(
    model: Autoencoder, image: Float[Tensor, "n c h w"]
) -> tuple[Float[Tensor, "n d h w"], Float[Tensor, "n d h w"] | None]:
    """The reconstruction, and the one from the coarsest map alone; None where that is the same network."""
    features = model.encoder(image)
    reconstruction = model.head(model.decoder(features))
    if model.decoder.skips == "none":
        return reconstruction, None
    nothing = torch.zeros(len(image), device=image.device)
    return reconstruction, model.head(model.decoder(features, keep=nothing))


@torch.no_grad()
def found_salient(model: Autoencoder, image: Float[Tensor, "n c h w"]) -> Float[np.ndarray, "n h w"] | None:
    """The probability of standing out that a network gives each pixel; None where it was not asked to learn that."""
    if model.saliency_head is None:
        return None
    return model(image, heads=True).saliency[:, 0].float().sigmoid().cpu().numpy()
