"""Figures of phase 1: inputs, reconstructions, and their differences."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8

from common.colours import heat
from common.data.batches import read_batch
from common.data.pack import Pack
from common.figures import grid, to_bytes
from common.models.encoder import Encoder
from pretrain.model import Autoencoder
from pretrain.pretexts.task import TaskMaker
from pretrain.report.sheets import nearest_images, task_pictures
from pretrain.scoring import side_pictures
from pretrain.targets.target import Target


def picture_sheets(
    model: Autoencoder,
    pack: Pack,
    make_task: TaskMaker,
    count: int,
    *,
    target: Target | None,
    device: torch.device,
    neighbours: bool,
) -> dict[str, UInt8[np.ndarray, "h w 3"]]:
    """Every sheet of this network, by name, of the first `count` images.

    The pack comes with pseudo-masks where the network learns from them. Random parts of the pretext come from
    torch's global generator.
    """
    chosen = np.arange(min(count, len(pack)))
    batch = read_batch(pack, chosen, device)
    sheets = {"reconstructions": reconstruction_grid(model, pack, chosen, device=device)}
    if target is not None and make_task.drawn:
        drawn = task_pictures(model, target, make_task, batch.image)
        sheets["pretext"] = grid({"original": to_bytes(batch.image), **drawn})
    for name, pictures in side_pictures(model, batch.image, batch.mask).items():
        sheets[name] = grid({"original": to_bytes(batch.image), **pictures})
    if neighbours and len(pack) > 1:
        sheets["neighbours"] = neighbour_grid(model.encoder, pack, device=device)
    return sheets


@torch.no_grad()
def reconstruction_grid(
    model: Autoencoder,
    pack: Pack,
    chosen: Sequence[int] | Int64[np.ndarray, " m"],
    *,
    device: torch.device,
    captions: Sequence[str] | None = None,
) -> UInt8[np.ndarray, "h w 3"]:
    """Original, reconstruction and error (black 0, white 0.25 and more) of the chosen images, a row each."""
    model.eval()
    image = read_batch(pack, np.asarray(chosen), device).image
    reconstruction = model(image).clamp(0, 1)
    error = _error(reconstruction, image)
    columns = {"original": to_bytes(image), "reconstruction": to_bytes(reconstruction), "error": error}
    return grid(columns, captions=captions)


def _error(
    reconstruction: Float[torch.Tensor, "n c h w"], image: Float[torch.Tensor, "n c h w"]
) -> UInt8[np.ndarray, "n h w 3"]:
    return heat((reconstruction - image).abs().mean(1).cpu().numpy() / 0.25)


def neighbour_grid(encoder: Encoder, pack: Pack, *, device: torch.device) -> UInt8[np.ndarray, "h w 3"]:
    """An image in each row, right of it the nearest by features, see `nearest_images`."""
    rows, nearest = nearest_images(encoder, pack, device=device)
    names = ["image", *(f"neighbour {rank}" for rank in range(1, nearest.shape[1] + 1))]
    chosen = zip(names, (rows, *nearest.T), strict=True)
    return grid({name: to_bytes(read_batch(pack, indices).image) for name, indices in chosen}, side=96)
