"""How well an autoencoder rebuilds pictures that it was not trained on."""

import torch

from common.data.batches import Batches
from common.data.pack import Pack
from common.train import Means, Row
from pretrain.losses import ReconstructionLoss
from pretrain.metrics import reconstruction_scores
from pretrain.model import Autoencoder


@torch.no_grad()
def evaluate(
    model: Autoencoder,
    pack: Pack,
    *,
    batch_size: int,
    device: torch.device,
    loss: ReconstructionLoss | None = None,
) -> Row:
    """The means over the images of MSE, PSNR (dB) and SSIM; with `loss`, of that too. In float32."""
    model.eval()
    means = Means()
    for batch in Batches(pack, batch_size=batch_size).epoch(0, device):
        reconstruction = model(batch.image)
        scores = reconstruction_scores(reconstruction, batch.image)
        row = {name: values.mean().item() for name, values in scores.items()}
        if loss is not None:
            row["loss"] = loss(reconstruction, batch.image)["loss"].item()
        means.add(row, len(batch))
    return means.row()
