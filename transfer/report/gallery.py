"""The gallery of a phase 2 page: images with layers to switch."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8

from common.colours import heat
from common.data.batches import read_batch
from common.data.pack import Pack
from common.figures import to_bytes
from common.metrics import classes_of, confusion_scores
from common.overlay import overlay_mask
from common.report.blocks import three_digits
from common.report.gallery import Gallery, Item, Layer, Order, fill_gallery
from common.report.images import class_map, drawing, photograph
from common.report.page import Block, NothingToShowError
from common.report.scatter import thumbnails
from common.report.selection import some_of, worst_best_between
from common.words import counted
from transfer.colours import class_legend, clear_of, error_legend, inside_of, paint, paint_errors
from transfer.gradcam.cam import Explained
from transfer.metrics.calibration import probabilities
from transfer.metrics.quality import entropy
from transfer.metrics.scores import Scores
from transfer.report.cam_layers import MOST as MAPPED
from transfer.report.cam_layers import Maps
from transfer.report.worst import worst_listing
from transfer.segmenter import Segmenter

ORDERS = (
    Order("worst first", "score"),
    Order("best first", "score", -1),
    Order("highest entropy first", "entropy", -1),
    Order("by name", "name"),
)


class ScoredImages:
    """Images of a data set with truth, prediction, errors, confidence, entropy and activation maps as layers."""

    def __init__(self, model: Segmenter, pack: Pack, scores: Scores, *, maps: bool = True) -> None:
        """`maps`: whether some images have activation maps."""
        self.model, self.pack, self.counts, self.names = model, pack, scores.counts, scores.names
        self.scores, self.background = scores, scores.background
        self.order = worst_best_between(scores.per_image["mean_iou"])
        self.maps = Maps(model.fast, scores.names, pack.side)
        self.mapped = set(self.order[:MAPPED]) if maps else set[int]()

    def block(self) -> tuple[Block, set[int]]:
        """The gallery and the indices of its images: the worst, the best and some between.

        It holds fewer images if they are too large.
        """
        if not self.order:
            raise NothingToShowError("there is no image")
        items = fill_gallery(self.order, self.items)
        filled = Gallery(
            items=items,
            layers=[*layer_list(self.names, self.background), *self.maps.described()],
            orders=ORDERS,
            start="prediction",
            classes=self.names,
            kinds=self.names,
            kinds_label="images with",
            figure_heads=["class", "IoU", "true", "predicted"],
            listing=worst_listing(self.pack.keys, self.scores),
        )
        note = some_of(len(items), len(self.pack)) + _NOTE
        if len(items) > len(self.mapped):
            note += f" Only {counted(len(self.mapped), 'image', 'has')} activation maps."
        note += self.maps.checked()
        return filled.block(note), set(self.order[: len(items)])

    @torch.no_grad()
    def items(self, indices: Sequence[int]) -> list[Item]:
        """Some images with their layers."""
        batch = read_batch(self.pack, np.asarray(indices), self.model.device)
        assert batch.mask is not None, "a gallery of truth and prediction needs masks"
        explained = self.maps.look(batch.image) if self.mapped.intersection(indices) else None
        logits = self.model.fast(batch.image) if explained is None else explained.logits
        probability = probabilities(logits, self.model.temperature)
        prediction, unsure = classes_of(logits), entropy(probability).cpu().numpy()
        if self.mapped and not self.maps.alike:
            self.maps.check(batch.image)
        activations = self._activations(explained, prediction, indices)
        scored = prediction.cpu(), batch.mask.cpu(), probability.cpu().numpy(), unsure
        layers = _layers(*scored, self.background)
        items = []
        for row, index in enumerate(indices):
            kept = {f"confidence-{k}" for k in shown_classes(self.counts[index])}
            own = {key: uri for key, uri in layers[row].items() if not key.startswith("confidence-") or key in kept}
            cams, notes = activations[row]
            photo = photograph(to_bytes(batch.image[row : row + 1])[0])
            masks = {"truth": batch.mask[row], "prediction": prediction[row]}
            items.append(
                describe(
                    index,
                    self.pack.keys[index],
                    self.counts[index],
                    self.names,
                    background=self.background,
                    unsure=float(unsure[row].mean()),
                    layers={"image": photo, **own, **cams},
                    notes=notes,
                    maps={name: class_map(mask.byte().cpu().numpy()) for name, mask in masks.items()},
                )
            )
        return items

    def _activations(
        self, explained: Explained | None, prediction: Int64[torch.Tensor, "n h w"], indices: Sequence[int]
    ) -> list[tuple[dict[str, str], dict[str, str]]]:
        if explained is None:
            return [({}, {})] * len(indices)
        seen = [set(one.unique().tolist()) for one in prediction]
        wanted = [
            [k for k in shown_classes(self.counts[index]) if k in present] if index in self.mapped else []
            for index, present in zip(indices, seen, strict=True)
        ]
        return self.maps.draw(explained, wanted)


_NOTE = (
    "Masks are drawn at the network's resolution. In an enlarged image, the pointer shows the true and the predicted "
    "class of a pixel."
)


def _layers(
    prediction: Int64[torch.Tensor, "n h w"],
    truth: Int64[torch.Tensor, "n h w"],
    probability: Float[np.ndarray, "n k h w"],
    unsure: Float[np.ndarray, "n h w"],
    background: int | None,
) -> list[dict[str, str]]:
    """The layers of each image, by key."""
    wrong = paint_errors(prediction, truth, background)
    painted = {"truth": paint(truth), "prediction": paint(prediction)}
    clear = {"truth": clear_of(truth, background), "prediction": clear_of(prediction, background)}
    inside = {"truth": inside_of(truth, background), "prediction": inside_of(prediction, background)}
    found = []
    for row in range(len(truth)):
        layers = {name: drawing(painted[name][row], clear=clear[name][row]) for name in painted}
        layers |= {f"{name}-outline": drawing(painted[name][row], clear=inside[name][row]) for name in painted}
        layers["errors"] = drawing(wrong[row], clear=(wrong[row] == 255).all(-1))
        layers |= {f"confidence-{k}": _heat(share) for k, share in enumerate(probability[row])}
        found.append({**layers, "entropy": _heat(unsure[row], "magma")})
    return found


def _heat(value: Float[np.ndarray, "h w"], name: str = "viridis") -> str:
    return photograph(heat(value[None], name)[0], quality=70)


SHOWN = 6
"""Classes of an image, at most, of which every one is drawn by itself."""


def shown_classes(counts: Int64[np.ndarray, "k k"], most: int = SHOWN) -> list[int]:
    """The classes whose confidence an image's layers show: all if they are few, else those it has most of."""
    if len(counts) <= most:
        return list(range(len(counts)))
    return sorted(np.argsort(-(counts.sum(0) + counts.sum(1)), kind="stable")[:most].tolist())


def describe(
    index: int,
    key: str,
    counts: Int64[np.ndarray, "k k"],
    names: Sequence[str],
    *,
    background: int | None = 0,
    unsure: float,
    layers: Mapping[str, str],
    notes: Mapping[str, str],
    maps: Mapping[str, str],
) -> Item:
    """One image with its scores, its shares of errors, and its mean entropy `unsure`."""
    scores = confusion_scores(counts)
    score, total = float(scores["mean_iou"]), max(counts.sum(), 1)
    errors = error_pixels(counts, background)
    true, predicted = counts.sum(1), counts.sum(0)
    return Item(
        id=str(index),
        name=key,
        badge=f"IoU {three_digits(score)}",
        layers=layers,
        sort={"score": None if math.isnan(score) else score, "entropy": unsure, "name": key},
        kinds=[k for k in range(len(names)) if true[k] + predicted[k] > 0],
        figures=[
            [name, three_digits(float(scores["iou"][k])), f"{true[k] / total:.1%}", f"{predicted[k] / total:.1%}"]
            for k, name in enumerate(names)
        ],
        facts=[
            *([name, f"{pixels / total:.1%}"] for name, pixels in errors.items()),
            ["mean entropy", f"{unsure:.3f}"],
        ],
        notes=notes,
        maps=maps,
    )


def error_pixels(counts: Int64[np.ndarray, "k k"], background: int | None) -> dict[str, int]:
    """The wrong pixels of an image by the kind of error; without a background every one is a wrong class."""
    wrong = counts * (1 - np.eye(len(counts), dtype=np.int64))
    if background is None:
        return {"wrong class": int(wrong.sum())}
    missed, invented = int(wrong[:, background].sum()), int(wrong[background].sum())
    return {"missed": missed, "invented": invented, "wrong class": int(wrong.sum()) - missed - invented}


def layer_list(names: Sequence[str], background: int | None) -> list[Layer]:
    """The layers of a gallery, with their legends."""
    scale = "dark 0, bright 1"
    clear = "correct pixels are clear"
    if background is not None:
        clear += f"; {names[background]} is the background"
    legends = {
        "prediction": class_legend(names, background),
        "truth": class_legend(names, background, unlabelled=True),
    }
    return [
        *(Layer(key=key, name=key, crisp=True, legend=legend) for key, legend in legends.items()),
        Layer(key="errors", name="errors", crisp=True, legend=error_legend(background), note=clear),
        Layer(key="entropy", name="entropy", note=f"uncertainty of the prediction: {scale}"),
        *(
            Layer(key=f"{key}-outline", name=key, group="outlines", crisp=True, legend=legend)
            for key, legend in legends.items()
        ),
        *(
            Layer(key=f"confidence-{k}", name=name, group="confidence", note=f"probability of {name}: {scale}")
            for k, name in enumerate(names)
        ),
    ]


def thumbnail_sheets(
    pack: Pack,
    predictions: UInt8[np.ndarray, "m h w"],
    indices: Int64[np.ndarray, " m"],
    *,
    background: int | None = 0,
) -> dict[str, tuple[str, UInt8[np.ndarray, "m h w 3"]]]:
    """Images and the same with their predictions tinted, small, for the scatter."""
    images = thumbnails(pack, indices)
    tinted = np.stack([overlay_mask(*pair, background) for pair in zip(images, predictions, strict=True)])
    return {"images": ("image", images), "predictions": ("prediction", tinted)}
