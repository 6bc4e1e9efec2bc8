"""The pictures of a phase 1 page: originals with what was made of them, to wipe over."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8

from common.colours import heat
from common.data.batches import read_batch
from common.data.pack import Pack
from common.engine.seeding import VALIDATION, seed_update
from common.figures import to_bytes
from common.report.gallery import fill_gallery
from common.report.images import photograph
from common.report.page import Block, NothingToShowError
from common.report.selection import some_of, worst_best_between
from pretrain.losses.reconstruction import composite
from pretrain.model import Autoencoder
from pretrain.pretexts.task import TaskMaker
from pretrain.scoring import rebuild, side_pictures

WHITE = 0.25
"""The error that is drawn white."""
SCALE = f"mean absolute error of a pixel: black 0, white {WHITE:g} and more"
LAYERS = (
    {"key": "reconstruction", "name": "reconstruction"},
    {"key": "error", "name": "error", "note": SCALE},
    {"key": "no_skips", "name": "without skips", "note": "what the coarsest map alone can rebuild"},
    {"key": "foreground", "name": "foreground", "note": "predicted probability, from black 0 to white 1"},
    {"key": "seen", "name": "corrupted input", "group": "pretext"},
    {
        "key": "rebuilt",
        "name": "rebuilt from that",
        "group": "pretext",
        "note": "pixels outside the loss are the original's",
    },
    {"key": "task_error", "name": "error of that", "group": "pretext", "note": SCALE},
)
ORDERS = [
    {"name": "worst PSNR first", "key": "psnr", "sign": 1},
    {"name": "best PSNR first", "key": "psnr", "sign": -1},
    {"name": "worst SSIM first", "key": "ssim", "sign": 1},
    {"name": "by name", "key": "name", "sign": 1},
]
CARRIED = {"name": "most carried by skips first", "key": "carried", "sign": -1}


def gallery(
    model: Autoencoder,
    pack: Pack,
    scores: Mapping[str, Float[np.ndarray, " n"]],
    make_task: TaskMaker,
    *,
    device: torch.device,
    seed: int,
) -> tuple[Block, set[int]]:
    """Images with their reconstruction, its error and the pretext as layers; and which of them it shows.

    Of more than MOST images the worst, the best and some between; fewer where they are too large for a page.
    """
    if len(pack) == 0:
        raise NothingToShowError("there is no image")
    order = worst_best_between(scores["psnr"])

    def made(chosen: Sequence[int]) -> list[dict[str, Any]]:
        seed_update(seed, VALIDATION)
        layers = _layers(model, pack, make_task, chosen, device=device)
        return [
            {"id": str(index), "layers": own, **_about(pack.keys[index], {k: v[index] for k, v in scores.items()})}
            for index, own in zip(chosen, layers, strict=True)
        ]

    items = fill_gallery(order, made)
    drawn = {key for item in items for key in item["layers"]}
    data = {
        "items": items,
        "layers": [
            *(layer for layer in LAYERS if layer["key"] in drawn),
            *({"key": key, "name": key} for key in sorted(drawn - {layer["key"] for layer in LAYERS} - {"image"})),
        ],
        "classes": [],
        "start": "reconstruction",
        "mode": "wipe",
        "strength": 0.5,
        "orders": [*ORDERS, CARRIED] if "psnr_no_skips" in scores else ORDERS,
        "kinds": [],
        "kinds_label": "",
        "figure_heads": ["measure", "of this image", "mean of all"],
    }
    for item in items:
        for line in item["figures"]:
            line.append(_form(line[0], float(np.mean(scores[MEASURES[line[0]]]))))
    note = some_of(len(items), len(pack))
    return Block("gallery", "", data, note + "Left of the line is the original, right of it the layer."), set(
        order[: len(items)]
    )


MEASURES = {"PSNR": "psnr", "SSIM": "ssim", "MSE": "mse", "PSNR without skips": "psnr_no_skips"}


def _about(key: str, scores: Mapping[str, float]) -> dict[str, Any]:
    """Name, scores and figures of an image."""
    sort = {name: float(value) for name, value in scores.items()}
    if "psnr_no_skips" in sort:
        sort["carried"] = sort["psnr"] - sort["psnr_no_skips"]
    rows = [[words, _form(words, sort[name])] for words, name in MEASURES.items() if name in sort]
    return {
        "name": key,
        "badge": f"{scores['psnr']:.1f} dB",
        "sort": {**sort, "name": key},
        "kinds": [],
        "figures": rows,
    }


def _form(words: str, value: float) -> str:
    if words.startswith("PSNR"):
        return f"{value:.2f} dB"
    return f"{value:.5f}" if words == "MSE" else f"{value:.4f}"


@torch.no_grad()
def _layers(
    model: Autoencoder, pack: Pack, make_task: TaskMaker, indices: Sequence[int], *, device: torch.device
) -> list[dict[str, str]]:
    image = read_batch(pack, np.asarray(indices), device).image
    reconstruction, without = rebuild(model, image)
    pictures = {
        "image": to_bytes(image),
        "reconstruction": to_bytes(reconstruction),
        "error": error_picture(reconstruction, image),
    }
    if without is not None:
        pictures["no_skips"] = to_bytes(without)
    for side in side_pictures(model, image).values():
        pictures |= side
    if make_task.drawn:
        task = make_task(image)
        rebuilt = composite(model(task.seen, keep=task.keep, visible=task.visible), task.image, task.weight)
        pictures |= {
            "seen": to_bytes(task.seen),
            "rebuilt": to_bytes(rebuilt),
            "task_error": error_picture(rebuilt, image),
        }
    return [{name: photograph(rows[i]) for name, rows in pictures.items()} for i in range(len(indices))]


def error_picture(
    reconstruction: Float[torch.Tensor, "n c h w"], image: Float[torch.Tensor, "n c h w"]
) -> UInt8[np.ndarray, "n h w 3"]:
    """The mean absolute error of every pixel as heat: black 0, white 0.25 and more."""
    return heat((reconstruction.clamp(0, 1) - image).abs().mean(1).cpu().numpy() / WHITE)
