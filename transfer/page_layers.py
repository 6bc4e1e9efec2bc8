"""What the layers of a phase 2 gallery are called, what their colours mean, and what is said of an image."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64, UInt8

from common.data.pack import Pack
from common.metrics import scores
from common.report.blocks import three_digits
from common.report.scatter import thumbnails
from transfer.colours import class_legend, error_legend, overlay


def shown_classes(counts: Int64[np.ndarray, "k k"], most: int = 6) -> list[int]:
    """The classes whose confidence an image's layers show: all if they are few, else those it has most of."""
    if len(counts) <= most:
        return list(range(len(counts)))
    return sorted(np.argsort(-(counts.sum(0) + counts.sum(1)), kind="stable")[:most].tolist())


def about(key: str, counts: Int64[np.ndarray, "k k"], names: Sequence[str], unsure: float) -> dict[str, Any]:
    """Name, scores and figures of an image."""
    found = scores(torch.from_numpy(counts))
    score, total = found["mean_iou"].item(), max(counts.sum(), 1)
    rows = [
        [
            name,
            three_digits(found["iou"][k].item()),
            f"{counts[k].sum() / total:.1%}",
            f"{counts[:, k].sum() / total:.1%}",
        ]
        for k, name in enumerate(names)
    ]
    wrong = counts[1:, 1:].sum() - np.trace(counts[1:, 1:])
    errors = {"missed": counts[1:, 0].sum(), "invented": counts[0, 1:].sum(), "wrong class": wrong}
    shares = [[name, f"{pixels / total:.1%}"] for name, pixels in errors.items()]
    return {
        "name": key,
        "badge": f"IoU {three_digits(score)}",
        "sort": {"score": None if math.isnan(score) else score, "entropy": unsure, "name": key},
        "kinds": [k for k in range(len(names)) if counts[k].sum() + counts[:, k].sum() > 0],
        "figures": rows,
        "facts": [*shares, ["mean entropy", f"{unsure:.3f}"]],
    }


def layer_list(names: Sequence[str]) -> list[dict[str, Any]]:
    """The layers that a gallery can have, with what their colours mean."""
    scale = "dark 0, bright 1"
    layers: list[dict[str, Any]] = [
        {"key": "prediction", "name": "prediction", "crisp": True, "legend": class_legend(names)},
        {"key": "truth", "name": "truth", "crisp": True, "legend": class_legend(names, unlabelled=True)},
        {
            "key": "errors",
            "name": "errors",
            "crisp": True,
            "legend": error_legend(),
            "note": f"what is right is clear; {names[0]} is no object",
        },
        {"key": "entropy", "name": "entropy", "note": f"how unsure the network is: {scale}"},
    ]
    for k, name in enumerate(names):
        layers.append(
            {"key": f"confidence-{k}", "name": name, "group": "confidence", "note": f"probability of {name}: {scale}"}
        )
    return layers


def sheets(
    pack: Pack, predictions: UInt8[np.ndarray, "m h w"], indices: Int64[np.ndarray, " m"]
) -> dict[str, tuple[str, UInt8[np.ndarray, "m h w 3"]]]:
    """Images and the same with their predictions tinted, small, for the scatter."""
    images = thumbnails(pack, indices)
    tinted = np.stack([overlay(image, mask) for image, mask in zip(images, predictions, strict=True)])
    return {"images": ("image", images), "predictions": ("prediction", tinted)}
