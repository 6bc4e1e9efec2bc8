"""The pictures of a phase 2 page: images with layers to switch."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8

from common.colours import heat
from common.data.batches import read_batch
from common.data.pack import Pack
from common.figures import to_bytes
from common.metrics import confusion_scores
from common.report.blocks import three_digits
from common.report.gallery import fill_gallery
from common.report.images import class_map, drawing, photograph
from common.report.page import Block, NothingToShowError
from common.report.scatter import thumbnails
from common.report.selection import some_of, worst_best_between
from transfer.colours import class_legend, error_legend, overlay_mask, paint, paint_errors
from transfer.metrics.quality import entropy
from transfer.metrics.scores import Scores
from transfer.model import SegmentationNet
from transfer.report.cam_layers import MOST as MAPPED
from transfer.report.cam_layers import Maps

WORST_FIRST = {"name": "worst first", "key": "score", "sign": 1}
ORDERS = (
    WORST_FIRST,
    {"name": "best first", "key": "score", "sign": -1},
    {"name": "least sure first", "key": "entropy", "sign": -1},
    {"name": "by name", "key": "name", "sign": 1},
)


class Gallery:
    """Images of a data set with truth, prediction, errors, confidence, entropy and activation maps as layers."""

    def __init__(
        self,
        net: SegmentationNet,
        pack: Pack,
        scores: Scores,
        *,
        device: torch.device,
    ) -> None:
        self.net, self.pack, self.counts, self.names, self.device = net, pack, scores.counts, scores.names, device
        self.order = worst_best_between(scores.per_image["mean_iou"])
        self.maps = Maps(net, scores.names)
        self.mapped = set(self.order[:MAPPED])

    def block(self) -> tuple[Block, set[int]]:
        """The gallery, and which images are in it: the worst, the best and some between.

        There are fewer of them where they are too large for a page.
        """
        if not self.order:
            raise NothingToShowError("there is no image")
        items = fill_gallery(self.order, self._items)
        drawn = {key for item in items for key in item["layers"]}
        layers = [layer for layer in (*layer_list(self.names), *self.maps.described()) if layer["key"] in drawn]
        note = some_of(len(items), len(self.pack)) + _NOTE
        if len(items) > len(self.mapped):
            note += f" Activation maps were made for the first {len(self.mapped)} that were chosen."
        note += self.maps.checked()
        return Block("gallery", "", gallery_data(items, layers, self.names), note), set(self.order[: len(items)])

    @torch.no_grad()
    def _items(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        batch = read_batch(self.pack, np.asarray(indices), self.device)
        assert batch.mask is not None, "a gallery of truth and prediction needs masks"
        probability = self.net(batch.image).softmax(1)
        prediction, unsure = probability.argmax(1), entropy(probability).cpu().numpy()
        if not self.maps.alike:
            self.maps.check(batch.image, prediction)
        activations = self._activations(batch.image, prediction, indices)
        layers = _layers(prediction.cpu(), batch.mask.cpu(), probability.cpu().numpy(), unsure)
        found = []
        for row, index in enumerate(indices):
            kept = {f"confidence-{k}" for k in shown_classes(self.counts[index])}
            own = {key: uri for key, uri in layers[row].items() if not key.startswith("confidence-") or key in kept}
            pictures, notes = activations[row]
            masks = {"truth": batch.mask[row], "prediction": prediction[row]}
            found.append(
                {
                    "id": str(index),
                    "layers": {"image": photograph(to_bytes(batch.image[row : row + 1])[0]), **own, **pictures},
                    "notes": notes,
                    "maps": {name: class_map(mask.byte().cpu().numpy()) for name, mask in masks.items()},
                    **about(self.pack.keys[index], self.counts[index], self.names, float(unsure[row].mean())),
                }
            )
        return found

    def _activations(
        self, image: Float[torch.Tensor, "n c h w"], prediction: Int64[torch.Tensor, "n h w"], indices: Sequence[int]
    ) -> list[tuple[dict[str, str], dict[str, str]]]:
        seen = [set(one.unique().tolist()) for one in prediction]
        wanted = [
            [k for k in shown_classes(self.counts[index]) if k in present] if index in self.mapped else []
            for index, present in zip(indices, seen, strict=True)
        ]
        return self.maps.draw(image, wanted)


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


def _layers(
    prediction: Int64[torch.Tensor, "n h w"],
    truth: Int64[torch.Tensor, "n h w"],
    probability: Float[np.ndarray, "n k h w"],
    unsure: Float[np.ndarray, "n h w"],
) -> list[dict[str, str]]:
    """What is drawn over each image, by layer."""
    wrong, painted = paint_errors(prediction, truth), {"truth": paint(truth), "prediction": paint(prediction)}
    clear = {"truth": (truth == 0).numpy(), "prediction": (prediction == 0).numpy()}
    found = []
    for row in range(len(truth)):
        layers = {name: drawing(painted[name][row], clear=clear[name][row]) for name in painted}
        layers["errors"] = drawing(wrong[row], clear=(wrong[row] == 255).all(-1))
        layers |= {f"confidence-{k}": _heat(share) for k, share in enumerate(probability[row])}
        found.append({**layers, "entropy": _heat(unsure[row], "magma")})
    return found


def _heat(value: Float[np.ndarray, "h w"], name: str = "viridis") -> str:
    return photograph(heat(value[None], name)[0], quality=70)


def shown_classes(counts: Int64[np.ndarray, "k k"], most: int = 6) -> list[int]:
    """The classes whose confidence an image's layers show: all if they are few, else those it has most of."""
    if len(counts) <= most:
        return list(range(len(counts)))
    return sorted(np.argsort(-(counts.sum(0) + counts.sum(1)), kind="stable")[:most].tolist())


def about(key: str, counts: Int64[np.ndarray, "k k"], names: Sequence[str], unsure: float) -> dict[str, Any]:
    """Name, scores and figures of an image."""
    found = confusion_scores(counts)
    score, total = float(found["mean_iou"]), max(counts.sum(), 1)
    rows = [
        [
            name,
            three_digits(float(found["iou"][k])),
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


def thumbnail_sheets(
    pack: Pack, predictions: UInt8[np.ndarray, "m h w"], indices: Int64[np.ndarray, " m"]
) -> dict[str, tuple[str, UInt8[np.ndarray, "m h w 3"]]]:
    """Images and the same with their predictions tinted, small, for the scatter."""
    images = thumbnails(pack, indices)
    tinted = np.stack([overlay_mask(image, mask) for image, mask in zip(images, predictions, strict=True)])
    return {"images": ("image", images), "predictions": ("prediction", tinted)}
