"""The page of phase 1: what an autoencoder was taught, what it can rebuild, and what its features know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from common.config.load import flatten
from common.data.pack import Pack
from common.embedding import image_classes, knn_accuracy, latents, silhouette
from common.figures import embedding_figure
from common.intervals import mean_interval
from common.report.blocks import curve_blocks, number, table
from common.report.page import Block, Page, notices
from common.report.provenance import repeating
from common.report.scatter import Colouring, Points, Project, scatter, thumbnailed, thumbnails, view
from common.report.selection import sampled
from common.rows import Row
from common.run.loggers import LabelledPoints
from common.run.notes import count_phrase, data_name
from common.run.records import PretrainingRecord
from pretrain.build import build_tasks
from pretrain.config import PretrainConfig
from pretrain.model import Autoencoder
from pretrain.record import task_words
from pretrain.report.gallery import gallery
from pretrain.report.scores import NAMES, level_blocks, panels, probed_row, score_table, skip_blocks, tiles, verdict

POINTS = 1000
"""Images in the scatter of a run's page; of more, that many are drawn with the run's seed."""


@dataclass(frozen=True)
class ScoredModel:
    """An autoencoder and what was measured of it on one part of a data set."""

    model: Autoencoder
    pack: Pack
    data: str
    """The data set as people call it."""
    split: str
    scores: Mapping[str, Float[np.ndarray, " n"]]
    levels: Sequence[Mapping[str, Any]]
    """Stride, channels, rank and probe_miou (None where only the training may have it) of each map of the encoder."""
    names: Sequence[str] | None
    """Of the classes, where the images have masks."""
    device: torch.device
    batch_size: int
    points: int = POINTS
    project: Project | None = None
    """Where else the encoder's vectors are to be shown, see `common.report.cloud.Project`."""


@dataclass(frozen=True)
class RunInfo:
    """What is known of how an autoencoder came to be."""

    config: PretrainConfig
    task: PretrainingRecord
    warnings: Sequence[str]
    environment: Mapping[str, Any]
    packs: Mapping[str, Pack]
    rows: Sequence[Row] = field(default_factory=tuple)
    best_epoch: int | None = None
    evaluation: str = ""
    """The command that evaluated it, where that is not the one that trained it."""


def write_page(looked: ScoredModel, told: RunInfo, path: Path) -> Path:
    """Write the page of an autoencoder; returns where it is."""
    config, probed = told.config, probed_row(told.rows, told.best_epoch)
    means = {name: mean_interval(values) for name, values in looked.scores.items()}
    page = Page(
        title=f"{data_name(config.data)}: an encoder taught by {task_words(told.task)}",
        kicker=f"recon2seg · phase 1 · pretraining · {looked.split} images of {looked.data}",
        verdict=verdict(means, count_phrase(len(looked.pack), looked.split), told.task, probed),
        tiles=tiles(means, probed),
        notices=notices(told.warnings, told.task),
    )
    shown: set[int] = set()

    def pictures() -> list[Block]:
        tasks, seed = build_tasks(config), config.run.seed
        block, indices = gallery(looked.model, looked.pack, looked.scores, tasks, device=looked.device, seed=seed)
        shown.update(indices)
        return [block]

    page.add("Pictures", pictures, "Originals, and what the network makes of them.")
    page.add("Scores", lambda: [score_table(means), *skip_blocks(looked.scores)])
    if looked.levels:
        page.add("Levels", lambda: level_blocks(looked.levels, probed), "What each map of the encoder's pyramid holds.")
    page.add("Features", lambda: _features(looked, shown, config.run.seed, path.parent / "figures"), _FEATURES)
    if told.rows:
        page.add("Training", lambda: curve_blocks(told.rows, panels(told.rows), best_epoch=told.best_epoch))
    page.add(
        "How to repeat it",
        lambda: repeating(told.environment, flatten(config), told.packs, evaluation=told.evaluation),
    )
    page.write(path)
    return path


_FEATURES = (
    "What the encoder makes of whole images: points near each other look alike to it. One vector an image, the mean "
    "and deviation of each of its maps."
)


def _features(looked: ScoredModel, shown: set[int], seed: int, figures: Path) -> list[Block]:
    chosen = sampled(len(looked.pack), looked.points, seed=seed)
    part = looked.pack if len(chosen) == len(looked.pack) else looked.pack.take(chosen)
    vectors = latents(looked.model.encoder, part, batch_size=looked.batch_size, device=looked.device)
    classes = image_classes(part) if looked.names is not None else None
    colourings = [Colouring(NAMES[name], looked.scores[name][chosen]) for name in ("psnr", "ssim")]
    if classes is not None and looked.names is not None:
        colourings.insert(0, Colouring("class", classes, looked.names))
    thumbed = thumbnailed(len(part))
    points = Points(
        names=part.keys,
        ids=[str(index) for index in chosen],
        in_gallery=[int(index) in shown for index in chosen],
        sheets={"images": ("image", thumbnails(part, thumbed))},
    )
    note = (
        ""
        if len(chosen) == len(looked.pack)
        else f"{len(chosen)} of {len(looked.pack)} images, drawn with seed {seed}."
    )
    if looked.project is not None:
        keys = [part.keys[i] for i in thumbed]
        looked.project("encoder", LabelledPoints(vectors[thumbed], keys, points.sheets["images"][1]))
    seen = view("encoder", vectors, seed=seed)
    figures.mkdir(exist_ok=True)
    labels = None if classes is None or looked.names is None else [looked.names[int(k)] for k in classes]
    figure = embedding_figure(seen.places, labels, f"encoder, {looked.split}")
    figure.savefig(figures / "features.png", dpi=110)
    blocks = [scatter("", [seen], colourings, points, note=note)]
    if classes is None:
        return blocks
    apart, largest = silhouette(vectors, classes), float(np.bincount(classes).max() / len(classes))
    rows = [[number(knn_accuracy(vectors, classes), ".3f"), number(largest, ".3f"), number(apart, ".3f")]]
    heads = ["5-NN accuracy", "commonest class alone", "silhouette"]
    note = "Silhouette: 1 apart, 0 mixed, by cosine distance."
    return [*blocks, table("How far the classes lie apart", heads, rows, note=note)]
