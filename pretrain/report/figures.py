"""Figures of phase 1: inputs, reconstructions, and their differences."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8

from common.colours import heat
from common.data.batches import read_batch
from common.data.pack import Pack
from common.embedding import latents, neighbours
from common.figures import grid, to_bytes
from common.models.encoder import Encoder
from common.report.selection import evenly
from pretrain.losses.reconstruction import composite
from pretrain.model import Autoencoder
from pretrain.pretexts.task import Task, TaskMaker
from pretrain.scoring import side_pictures


def picture_sheets(
    model: Autoencoder, pack: Pack, make_task: TaskMaker, count: int, *, device: torch.device, neighbours: bool
) -> dict[str, UInt8[np.ndarray, "h w 3"]]:
    """Every sheet of this network, by name, of the first `count` images.

    The pack comes with pseudo-masks where the network learns from them. Random parts of the pretext come from
    torch's global generator.
    """
    chosen = np.arange(min(count, len(pack)))
    batch = read_batch(pack, chosen, device)
    sheets = {"reconstructions": reconstruction_grid(model, pack, chosen, device=device)}
    if make_task.drawn:
        sheets["pretext"] = task_grid(model, make_task(batch.image))
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


@torch.no_grad()
def task_grid(model: Autoencoder, task: Task) -> UInt8[np.ndarray, "h w 3"]:
    """Original, corrupted input, reconstruction from it, and the error; a row each.

    Pixels that do not enter the loss are shown as they are.
    """
    model.eval()
    rebuilt = model(task.seen, keep=task.keep, visible=task.visible)
    rebuilt = composite(rebuilt, task.image, task.weight).clamp(0, 1)
    columns = {"original": task.image, "seen": task.seen, "rebuilt": rebuilt}
    pictures = {name: to_bytes(image) for name, image in columns.items()}
    return grid({**pictures, "error": _error(rebuilt, task.image)})


def _error(
    reconstruction: Float[torch.Tensor, "n c h w"], image: Float[torch.Tensor, "n c h w"]
) -> UInt8[np.ndarray, "n h w 3"]:
    return heat((reconstruction - image).abs().mean(1).cpu().numpy() / 0.25)


def neighbour_grid(
    encoder: Encoder, pack: Pack, *, device: torch.device, queries: int = 8, count: int = 5
) -> UInt8[np.ndarray, "h w 3"]:
    """Nearest neighbours by features: an image in each row, right of it the nearest (see `neighbours`).

    The search is among the first 1,000 images of the pack.
    """
    searched = np.arange(min(len(pack), 1000))
    nearest = neighbours(latents(encoder, pack.take(searched), batch_size=64, device=device), count=count)
    rows = np.asarray(evenly(len(searched), queries))
    names = ["image", *(f"neighbour {rank}" for rank in range(1, nearest.shape[1] + 1))]
    chosen = zip(names, (rows, *nearest[rows].T), strict=True)
    return grid({name: to_bytes(read_batch(pack, indices).image) for name, indices in chosen}, side=96)
