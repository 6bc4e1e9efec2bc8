"""The page of phase 2: what a network was trained on, what it can do, and where it fails."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from common.config.load import flatten
from common.data.pack import Pack
from common.embedding import image_classes, knn_accuracy, latents, silhouette
from common.figures import embedding_figure, save_picture
from common.models.encoder import Encoder
from common.report.blocks import curve_blocks, number, table
from common.report.page import Block, Notice, Page
from common.report.provenance import repeating
from common.report.scatter import Colouring, Points, Project, scatter, thumbnailed, view
from common.report.selection import sampled, spread
from common.rows import Row
from common.run.loggers import LabelledPoints
from transfer.colours import class_colour
from transfer.config import TransferConfig
from transfer.losses.registry import TERMS
from transfer.metrics.quality import Quality
from transfer.metrics.scores import Scores
from transfer.model import SegmentationNet
from transfer.report.figures import activation_grid
from transfer.report.gallery import Gallery, thumbnail_sheets
from transfer.report.headline import main_figures, tiles, title, verdict
from transfer.report.scores import score_blocks, threshold_blocks

POINTS = 1000
"""Images in the scatter of a run's page; of more, that many are drawn with the run's seed."""


@dataclass(frozen=True)
class ScoredModel:
    """A network and what was measured of it on one part of a data set."""

    net: SegmentationNet
    pack: Pack
    data: str
    """The data set as people call it."""
    split: str
    scores: Scores
    quality: Quality
    device: torch.device
    batch_size: int
    seed: int
    points: int = POINTS
    project: Project | None = None
    """Where else the encoder's vectors are to be shown, see `common.report.cloud.Project`."""
    before: Encoder | None = None
    """The encoder as it was before training; None where it can't be had."""
    before_note: str = ""
    """Why it can't."""


@dataclass(frozen=True)
class RunInfo:
    """What is known of how a network came to be."""

    config: TransferConfig
    source: str
    """Where its encoder came from, in the receipt's words."""
    notices: Sequence[Notice]
    environment: Mapping[str, Any]
    packs: Mapping[str, Pack]
    rows: Sequence[Row] = field(default_factory=tuple)
    best_epoch: int | None = None
    evaluation: str = ""
    """The command that evaluated it, where that is not the one that trained it."""
    receipt: str = ""


SHEET = 6
"""Images on the sheet of activation maps."""


def write_page(scored: ScoredModel, told: RunInfo, path: Path) -> Path:
    """Write the page of a network, and of its pictures those that `figures/` beside it lacks; returns where it is."""
    figures, folder = main_figures(scored.scores), path.parent / "figures"
    folder.mkdir(exist_ok=True)
    page = Page(
        title=title(told.config, told.source),
        kicker=f"recon2seg · phase 2 · segmentation · {scored.split} images of {scored.data}",
        verdict=verdict(figures["mean IoU"], scored.scores, scored.split),
        tiles=tiles(figures, scored.quality),
        notices=told.notices,
    )
    names, scores, quality = scored.scores.names, scored.scores, scored.quality
    shown: set[int] = set()

    def pictures() -> list[Block]:
        block, indices = Gallery(scored.net, scored.pack, scores, device=scored.device).block()
        shown.update(indices)
        chosen = spread(len(scored.pack), SHEET)
        maps = activation_grid(scored.net, scored.pack, chosen, names, device=scored.device)
        save_picture(maps, folder / "activation_maps.png")
        return [block]

    page.add("Scores", lambda: score_blocks(scores, quality))
    page.add("Images", pictures, "Pictures with the network's answer over them, worst first.")
    page.add("Confidence", lambda: threshold_blocks(names, quality))
    page.add("Features", lambda: _features(scored, shown, folder), _FEATURES)
    if told.rows:
        page.add(
            "Training",
            lambda: curve_blocks(told.rows, _panels(names), best_epoch=told.best_epoch, colours=_colours(names)),
            told.receipt,
        )
    page.add(
        "How to repeat it",
        lambda: repeating(told.environment, flatten(told.config), told.packs, evaluation=told.evaluation),
    )
    page.write(path)
    return path


_FEATURES = (
    "What the encoder makes of whole images: points near each other look alike to it. One vector an image, the mean "
    "and deviation of each of its maps."
)


def _panels(names: Sequence[str]) -> dict[str, dict[str, str]]:
    terms = {f"train/{name}": f"train {term.words}" for name, term in TERMS.items()}
    return {
        "Loss": {"train/loss": "train", "val/loss": "validation"},
        "Mean IoU": {"train/mean_iou": "train", "val/mean_iou": "validation"},
        "IoU of each class, validation": {f"val/iou_{name}": name for name in names},
        "Terms of the loss": terms,
        "Share of pixels taken for each class": {f"val/predicted_{name}": name for name in names},
        "Learning rate": {"lr": "rate"},
        "Norm of the gradient": {"train/grad_norm": "norm"},
    }


def _colours(names: Sequence[str]) -> dict[str, str]:
    kinds = ("val/iou_", "val/predicted_")
    return {f"{kind}{name}": class_colour(k) for kind in kinds for k, name in enumerate(names)}


def _features(scored: ScoredModel, shown: set[int], figures: Path) -> list[Block]:
    chosen = sampled(len(scored.pack), scored.points, seed=scored.seed)
    part = scored.pack if len(chosen) == len(scored.pack) else scored.pack.take(chosen)
    encoders = {"after training": scored.net.encoder}
    if scored.before is not None:
        encoders = {"before training": scored.before, **encoders}
    vectors = {
        name: latents(encoder, part, batch_size=scored.batch_size, device=scored.device)
        for name, encoder in encoders.items()
    }
    views = [view(f"encoder {name}", rows, seed=scored.seed) for name, rows in vectors.items()]
    classes = image_classes(part)
    labels = None if classes is None else [scored.scores.names[k] for k in classes]
    for name, one in zip(vectors, views, strict=True):
        figure = embedding_figure(one.places, labels, f"{one.title}, {scored.split}")
        figure.savefig(figures / f"features_{name.split()[0]}.png", dpi=110)
    score = scored.scores.per_image["mean_iou"][chosen]
    colourings = [Colouring("mean IoU", score), Colouring("entropy", scored.quality.entropies[chosen])]
    if classes is not None:
        colourings.insert(0, Colouring("class", classes, scored.scores.names))
    thumbed = thumbnailed(len(part))
    points = Points(
        names=part.keys,
        ids=[str(index) for index in chosen],
        in_gallery=[int(index) in shown for index in chosen],
        sheets=thumbnail_sheets(part, scored.quality.small_predictions[chosen][thumbed], thumbed),
    )
    note = (
        ""
        if len(chosen) == len(scored.pack)
        else f"{len(chosen)} of {len(scored.pack)} images, drawn with seed {scored.seed}. "
    )
    if scored.before is None and scored.before_note:
        note += scored.before_note
    if scored.project is not None:
        kinds = [""] * len(part) if classes is None else [f", {scored.scores.names[k]}" for k in classes]
        labels = [part.keys[i] + kinds[i] for i in thumbed]
        for name, rows in vectors.items():
            scored.project(f"encoder {name}", LabelledPoints(rows[thumbed], labels, points.sheets["images"][1]))
    blocks = [scatter("", views, colourings, points, note=note)]
    return [*blocks, *_separation(vectors, classes)]


def _separation(vectors: Mapping[str, np.ndarray], classes: np.ndarray | None) -> list[Block]:
    """How far the classes lie apart, in numbers."""
    if classes is None:
        return []
    largest = float(np.bincount(classes).max() / len(classes))
    rows = [
        [name, number(knn_accuracy(found, classes), ".3f"), number(silhouette(found, classes), ".3f")]
        for name, found in vectors.items()
    ]
    note = (
        "The class of an image is that of most of its foreground. Always naming the commonest is right for "
        f"{largest:.3f}. Silhouette: 1 apart, 0 mixed, by cosine distance."
    )
    return [table("How far the classes lie apart", ["encoder", "5-NN accuracy", "silhouette"], rows, note=note)]
