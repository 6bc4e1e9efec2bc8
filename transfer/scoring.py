"""A network over a data set: confusion matrices of its images, and what they come to."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from common.data.batches import each_image
from common.data.pack import Pack
from common.metrics import confusion, report, scores
from common.rows import Means, Row
from transfer.losses import SegmentationLoss
from transfer.model import SegmentationNet

IMAGES_FILE = "test_images.npz"


@torch.no_grad()
def confusions(
    net: SegmentationNet,
    pack: Pack,
    *,
    batch_size: int,
    device: torch.device,
    loss: SegmentationLoss | None = None,
    watch: Callable[[Tensor, Tensor], None] | None = None,
) -> tuple[Int64[Tensor, "n k k"], Row]:
    """The confusion matrix of every image, and with `loss` the means of its terms. In float32, in file order.

    `watch` is shown the logits and the mask of every batch. Without `loss`, and so not while training, under a bar.
    """
    net.eval()
    if loss is not None:
        loss.eval()
    means, matrices = Means(), []
    for batch in each_image(pack, batch_size=batch_size, device=device, doing="scoring" if loss is None else ""):
        assert batch.mask is not None, "scoring needs masks"
        logits = net(batch.image)
        if watch is not None:
            watch(logits, batch.mask)
        matrices.append(confusion(logits.argmax(1), batch.mask, logits.shape[1]).cpu())
        if loss is not None:
            means.add({name: term.item() for name, term in loss(logits, batch.mask).items()}, len(batch))
    return torch.cat(matrices), means.row() if loss is not None else {}


def save_images(folder: Path, pack: Pack, counts: Int64[Tensor, "n k k"]) -> None:
    """Keep the confusion matrix of every test image, by which runs are compared image by image."""
    keys, digests = np.array(pack.keys), np.array(pack.digests)
    np.savez_compressed(folder / IMAGES_FILE, keys=keys, digests=digests, confusions=counts.numpy())


def score_row(counts: Int64[Tensor, "n k k"], names: tuple[str, ...]) -> Row:
    """The scores of a data set as columns of metrics.csv; NaN where a class is in neither truth nor prediction.

    "predicted_<class>" is the share of the labelled pixels that were taken for the class.
    """
    scores: dict[str, Any] = report(counts, names)
    means = {name: _number(scores[name]) for name in ("mean_iou", "pixel_accuracy", "mean_foreground_dice")}
    per_class = {f"iou_{name}": _number(values["iou"]) for name, values in scores["per_class"].items()}
    taken = counts.sum((0, 1)) / counts.sum().clamp(min=1)
    return {**means, **per_class, **{f"predicted_{n}": v for n, v in zip(names, taken.tolist(), strict=True)}}


def silent_for(rows: list[Row], names: tuple[str, ...], epochs: int = 3) -> list[str]:
    """The classes in the validation masks that no pixel was taken for in any of the last `epochs` epochs."""
    last = rows[-epochs:]
    if len(last) < epochs:
        return []

    def silent(row: Row, name: str) -> bool:
        return row[f"val/predicted_{name}"] == 0 and row[f"val/iou_{name}"] == 0

    return [name for name in names if all(silent(row, name) for row in last)]


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def print_table(scores: Mapping, split: str, images: int) -> None:
    """The scores of a data set, a line for each class."""
    print(f"\n{split} ({images} images)   IoU    Dice   precision  recall")
    for name, values in scores["per_class"].items():
        cells = (values[key] for key in ("iou", "dice", "precision", "recall"))
        print(f"  {name:<18} " + "  ".join(map(_four_digits, cells)))
    means = {"mean IoU": "mean_iou", "mean foreground Dice": "mean_foreground_dice", "pixel accuracy": "pixel_accuracy"}
    print("  " + ", ".join(f"{words} {_four_digits(scores[key])}" for words, key in means.items()) + "\n")


def _four_digits(value: float | None) -> str:
    return "   -  " if value is None else f"{value:.4f}"


def image_mious(counts: Int64[np.ndarray, "n k k"]) -> Float64[np.ndarray, " n"]:
    """The mean IoU of every image by itself; NaN where nothing of it is labelled."""
    return scores(torch.from_numpy(counts))["mean_iou"].numpy()
