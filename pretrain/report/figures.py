"""Pictures of phase 1: what went in, what came out, and where they differ."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8

from common.colours import heat
from common.data.batches import Batch, read_batch
from common.data.pack import Pack
from common.embedding import latents, neighbours
from common.figures import grid, to_bytes
from common.models.encoder import Encoder
from pretrain.config import PretextConfig
from pretrain.losses.reconstruction import composite
from pretrain.model import Autoencoder
from pretrain.pretexts.pretext import make_task
from pretrain.pretexts.task import Task
from pretrain.scoring import found_salient


def picture_sheets(
    model: Autoencoder, pack: Pack, pretext: PretextConfig, count: int, *, device: torch.device, neighbours: bool
) -> dict[str, UInt8[np.ndarray, "h w 3"]]:
    """Every sheet that tells something of this network, by name, of the first `count` images.

    The pack comes with masks of what stands out where the network learns that. Random parts of the pretext come from
    torch's global generator.
    """
    chosen = np.arange(min(count, len(pack)))
    batch = read_batch(pack, chosen, device)
    found = {"reconstructions": reconstruction_grid(model, pack, chosen, device=device)}
    if pretext.pretext != "plain":
        found["pretext"] = task_grid(model, make_task(batch.image, pretext))
    if model.saliency_head is not None:
        found["saliency"] = saliency_grid(model, batch)
    if neighbours and len(pack) > 1:
        found["neighbours"] = neighbour_grid(model.encoder, pack, device=device)
    return found


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
    """Original, what the network sees of it, what it makes of that, and the error; a row each.

    Pixels that the pretext does not ask for are shown as they are.
    """
    model.eval()
    rebuilt = model(task.seen, keep=task.keep, visible=task.visible)
    rebuilt = composite(rebuilt, task.target, task.weight).clamp(0, 1)
    columns = {"original": task.target, "seen": task.seen, "rebuilt": rebuilt}
    pictures = {name: to_bytes(image) for name, image in columns.items()}
    return grid({**pictures, "error": _error(rebuilt, task.target)})


@torch.no_grad()
def saliency_grid(model: Autoencoder, batch: Batch) -> UInt8[np.ndarray, "h w 3"]:
    """Original, the outlines that are asked for, and the probability of standing out that was found; a row each."""
    model.eval()
    found = found_salient(model, batch.image)
    assert found is not None, "the network was not asked for what stands out"
    assert batch.mask is not None, "the images come with what stands out of them"
    wanted = (batch.mask == 1).cpu().numpy().astype(float)
    return grid({"original": to_bytes(batch.image), "outlined": heat(wanted, "gray"), "found": heat(found, "gray")})


def _error(
    reconstruction: Float[torch.Tensor, "n c h w"], image: Float[torch.Tensor, "n c h w"]
) -> UInt8[np.ndarray, "n h w 3"]:
    return heat((reconstruction - image).abs().mean(1).cpu().numpy() / 0.25)


def neighbour_grid(
    encoder: Encoder, pack: Pack, *, device: torch.device, queries: int = 8, count: int = 5
) -> UInt8[np.ndarray, "h w 3"]:
    """An image in each row, and right of it those whose features are most like its own (see `neighbours`).

    The search is among the first 1,000 images of the pack.
    """
    searched = np.arange(min(len(pack), 1000))
    nearest = neighbours(latents(encoder, pack.take(searched), batch_size=64, device=device), count=count)
    rows = np.linspace(0, len(searched) - 1, min(queries, len(searched))).round().astype(int)
    names = ["image", *(f"neighbour {rank}" for rank in range(1, nearest.shape[1] + 1))]
    chosen = zip(names, (rows, *nearest[rows].T), strict=True)
    return grid({name: to_bytes(read_batch(pack, indices).image) for name, indices in chosen}, side=96)
