"""The gallery of a phase 1 page: originals with their reconstructions, to wipe over."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float, UInt8

from common.colours import heat
from common.data.batches import read_batch
from common.data.pack import Pack
from common.figures import to_bytes
from common.report.gallery import Gallery, Item, Layer, Order, fill_gallery
from common.report.images import photograph
from common.report.page import Block, NothingToShowError
from common.report.selection import some_of, worst_best_between
from pretrain.model import Autoencoder
from pretrain.scoring import rebuild, side_pictures

WHITE = 0.25
"""The mean absolute error drawn as white."""
SCALE = f"mean absolute error per pixel: black 0, white {WHITE:g} or more"
LAYERS = (
    Layer(key="reconstruction", name="reconstruction"),
    Layer(key="error", name="error", note=SCALE),
    Layer(key="no_skips", name="without skips", note="reconstruction from the coarsest map alone"),
    Layer(key="foreground", name="foreground", note="predicted probability, from black 0 to white 1"),
)
ORDERS = (
    Order("worst PSNR first", "psnr"),
    Order("best PSNR first", "psnr", -1),
    Order("worst SSIM first", "ssim"),
    Order("by name", "name"),
)
CARRIED = Order("largest gain by skips first", "carried", -1)


def gallery(
    model: Autoencoder,
    pack: Pack,
    scores: Mapping[str, Float[np.ndarray, " n"]],
    *,
    device: torch.device,
) -> tuple[Block, set[int]]:
    """The gallery of reconstructions and errors, and the indices of the images in it.

    Of more than MOST images it shows the worst, the best and some between; fewer if they are too large.
    """
    if len(pack) == 0:
        raise NothingToShowError("there is no image")
    order = worst_best_between(scores["psnr"])

    means = {name: float(np.mean(values)) for name, values in scores.items()}

    def draw(chosen: Sequence[int]) -> list[Item]:
        drawn = zip(chosen, _layers(model, pack, chosen, device=device), strict=True)
        return [_item(i, pack.keys[i], {k: float(v[i]) for k, v in scores.items()}, means, own) for i, own in drawn]

    items = fill_gallery(order, draw)
    others = sorted({key for item in items for key in item.layers} - {layer.key for layer in LAYERS} - {"image"})
    filled = Gallery(
        items=items,
        layers=[*LAYERS, *(Layer(key=key, name=key) for key in others)],
        orders=[*ORDERS, CARRIED] if "psnr_no_skips" in scores else ORDERS,
        start="reconstruction",
        mode="wipe",
        strength=0.5,
        figure_heads=["metric", "this image", "mean"],
    )
    note = some_of(len(items), len(pack))
    return filled.block(f"{note}The original is left of the line, the layer right of it."), set(order[: len(items)])


MEASURES = {
    "PSNR": "psnr",
    "PSNR of its mean colour": "psnr_mean_colour",
    "PSNR without skips": "psnr_no_skips",
    "SSIM": "ssim",
    "MSE": "mse",
}


def _item(
    index: int, key: str, scores: Mapping[str, float], means: Mapping[str, float], layers: Mapping[str, str]
) -> Item:
    """One image with its scores beside the means of all images."""
    sort: dict[str, float] = dict(scores)
    if "psnr_no_skips" in sort:
        sort["carried"] = sort["psnr"] - sort["psnr_no_skips"]
    return Item(
        id=str(index),
        name=key,
        badge=f"{scores['psnr']:.1f} dB",
        layers=layers,
        sort={**sort, "name": key},
        kinds=[],
        figures=[
            [words, _form(words, scores[name]), _form(words, means[name])]
            for words, name in MEASURES.items()
            if name in scores
        ],
    )


def _form(words: str, value: float) -> str:
    if words.startswith("PSNR"):
        return f"{value:.2f} dB"
    return f"{value:.5f}" if words == "MSE" else f"{value:.4f}"


@torch.no_grad()
def _layers(model: Autoencoder, pack: Pack, indices: Sequence[int], *, device: torch.device) -> list[dict[str, str]]:
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
    return [{name: photograph(rows[i]) for name, rows in pictures.items()} for i in range(len(indices))]


def error_picture(
    reconstruction: Float[torch.Tensor, "n c h w"], image: Float[torch.Tensor, "n c h w"]
) -> UInt8[np.ndarray, "n h w 3"]:
    """The mean absolute error of every pixel as heat: black 0, white 0.25 or more."""
    return heat((reconstruction.clamp(0, 1) - image).abs().mean(1).cpu().numpy() / WHITE)
