"""The pictures of a phase 2 page: images with layers to switch, and thumbnails for its scatter."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64, UInt8

from common.data.batches import read_batch
from common.data.pack import Pack
from common.figures import PALETTE, heat, to_bytes
from common.metrics import scores
from common.report.cloud import thumbnails
from common.report.page import Block, NothingToShowError
from common.report.pictures import BUDGET, MOST, characters, class_map, drawing, photograph, telling
from transfer.model import SegmentationNet
from transfer.page_scores import three_digits
from transfer.prediction import overlay
from transfer.quality import entropy
from transfer.report import CONFUSED, INVENTED, MISSED, UNLABELLED, paint, paint_errors

AT_ONCE = 16
ERRORS = {"missed": MISSED, "invented": INVENTED, "wrong class": CONFUSED, "not labelled": UNLABELLED}
WORST_FIRST = {"name": "worst first", "key": "score", "sign": 1}
ORDERS = (
    WORST_FIRST,
    {"name": "best first", "key": "score", "sign": -1},
    {"name": "least sure first", "key": "entropy", "sign": -1},
    {"name": "by name", "key": "name", "sign": 1},
)


def image_scores(counts: Int64[np.ndarray, "n k k"]) -> Float64[np.ndarray, " n"]:
    """The mean IoU of every image by itself; NaN where nothing of it is labelled."""
    return scores(torch.from_numpy(counts))["mean_iou"].numpy()


def gallery(
    net: SegmentationNet, pack: Pack, counts: Int64[np.ndarray, "n k k"], names: Sequence[str], *, device: torch.device
) -> tuple[Block, set[int]]:
    """Test images with truth, prediction, errors, confidence and entropy as layers; and which of them it shows.

    Of more than MOST images the worst, the best and some between; fewer where they are too large for a page.
    """
    if len(pack) == 0:
        raise NothingToShowError("there is no image")
    order = telling(image_scores(counts), MOST)
    items: list[dict[str, Any]] = []
    used = 0
    for start in range(0, len(order), AT_ONCE):
        items += (made := _items(net, pack, counts, names, indices=order[start : start + AT_ONCE], device=device))
        used += characters(made)
        if used * (1 + AT_ONCE / len(items)) > BUDGET:
            break
    note = (
        ""
        if len(items) == len(pack)
        else f"{len(items)} of {len(pack)} images: the worst, the best, and some evenly between them. "
    )
    return Block("gallery", "", gallery_data(items, _layers(names, items), names), note + _NOTE), set(
        order[: len(items)]
    )


_NOTE = (
    "Masks are drawn at the size that the network works at. In a picture that is looked at closely, pointing says what "
    "is true and what was predicted there."
)


def gallery_data(
    items: Sequence[Mapping[str, Any]], layers: Sequence[Mapping[str, Any]], names: Sequence[str]
) -> dict[str, Any]:
    """What the gallery's script needs."""
    return {
        "items": list(items),
        "layers": list(layers),
        "classes": list(names),
        "start": "prediction",
        "mode": "fade",
        "strength": 0.6,
        "orders": list(ORDERS),
        "kinds": list(names),
        "kinds_label": "images that show",
        "figure_heads": ["class", "IoU", "true", "predicted"],
    }


@torch.no_grad()
def _items(
    net: SegmentationNet,
    pack: Pack,
    counts: Int64[np.ndarray, "n k k"],
    names: Sequence[str],
    *,
    indices: Sequence[int],
    device: torch.device,
) -> list[dict[str, Any]]:
    batch = read_batch(pack, np.asarray(indices), device)
    assert batch.mask is not None, "a gallery of truth and prediction needs masks"
    probability = net(batch.image).softmax(1)
    unsure, prediction = entropy(probability).cpu().numpy(), probability.argmax(1).cpu()
    truth, probability = batch.mask.cpu(), probability.cpu().numpy()
    wrong, painted = paint_errors(prediction, truth), {"truth": paint(truth), "prediction": paint(prediction)}
    found = []
    for row, (index, image) in enumerate(zip(indices, to_bytes(batch.image), strict=True)):
        masks = {"truth": truth[row].byte().numpy(), "prediction": prediction[row].byte().numpy()}
        layers = {"image": photograph(image)}
        layers |= {name: drawing(painted[name][row], clear=mask == 0) for name, mask in masks.items()}
        layers["errors"] = drawing(wrong[row], clear=(wrong[row] == 255).all(-1))
        layers |= {f"confidence-{k}": _heat(probability[row, k]) for k in _shown(counts[index])}
        layers["entropy"] = _heat(unsure[row], "magma")
        maps = {name: class_map(mask) for name, mask in masks.items()}
        about = _about(pack.keys[index], counts[index], names, float(unsure[row].mean()))
        found.append({"id": str(index), "layers": layers, "maps": maps, **about})
    return found


def _about(key: str, counts: Int64[np.ndarray, "k k"], names: Sequence[str], unsure: float) -> dict[str, Any]:
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
    for name, pixels in (("missed", counts[1:, 0].sum()), ("invented", counts[0, 1:].sum()), ("wrong class", wrong)):
        rows.append([name, "", "", f"{pixels / total:.1%}"])
    rows.append(["mean entropy", "", "", f"{unsure:.3f}"])
    return {
        "name": key,
        "badge": f"IoU {three_digits(score)}",
        "sort": {"score": None if math.isnan(score) else score, "entropy": unsure, "name": key},
        "kinds": [k for k in range(len(names)) if counts[k].sum() + counts[:, k].sum() > 0],
        "figures": rows,
    }


def _layers(names: Sequence[str], items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The layers that at least one image has, with what their colours mean."""
    drawn = {key for item in items for key in item["layers"]}
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
    return [layer for layer in layers if layer["key"] in drawn]


def sheets(
    pack: Pack, predictions: UInt8[np.ndarray, "m h w"], indices: Int64[np.ndarray, " m"]
) -> dict[str, tuple[str, UInt8[np.ndarray, "m h w 3"]]]:
    """Images and the same with their predictions tinted, small, for the scatter."""
    images = thumbnails(pack, indices)
    tinted = np.stack([overlay(image, mask) for image, mask in zip(images, predictions, strict=True)])
    return {"images": ("image", images), "predictions": ("prediction", tinted)}


def _shown(counts: Int64[np.ndarray, "k k"], most: int = 6) -> list[int]:
    """The classes whose confidence an image's layers show: all if they are few, else those it has most of."""
    if len(counts) <= most:
        return list(range(len(counts)))
    return sorted(np.argsort(-(counts.sum(0) + counts.sum(1)), kind="stable")[:most].tolist())


def _heat(value: Float[np.ndarray, "h w"], name: str = "viridis") -> str:
    return photograph(heat(value[None], name)[0], quality=70)


def class_legend(names: Sequence[str], *, unlabelled: bool = False) -> list[list[str]]:
    """Name and colour of every class but the background, which is clear in these layers."""
    found = [[name, _hex(PALETTE[k % len(PALETTE)])] for k, name in enumerate(names) if k > 0]
    return [*found, *([["not labelled", _hex(np.array(UNLABELLED, dtype=np.uint8))]] if unlabelled else [])]


def error_legend() -> list[list[str]]:
    """Name and colour of every kind of error."""
    return [[name, _hex(np.array(colour, dtype=np.uint8))] for name, colour in ERRORS.items()]


def _hex(colour: UInt8[np.ndarray, "3"]) -> str:
    return "#" + colour.tobytes().hex()
