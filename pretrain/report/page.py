"""The page of phase 1: what an autoencoder was taught, what it can rebuild, and what its features know."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from common.config.load import flatten
from common.embedding import image_classes, knn_accuracy, latents, silhouette
from common.figures import embedding_figure
from common.intervals import mean_interval
from common.report.blocks import curve_blocks, number, table
from common.report.page import Block, Page, notices
from common.report.provenance import repeating
from common.report.scatter import Colouring, Points, Project, scatter, thumbnailed, thumbnails, view
from common.report.selection import sampled
from common.run.loggers import LabelledPoints
from common.run.notes import count_phrase, data_name
from pretrain.build import build_tasks
from pretrain.record import task_words
from pretrain.report.gallery import gallery
from pretrain.report.scored_model import Level, PretrainingRun, ScoredModel
from pretrain.report.scores import NAMES, level_blocks, panels, probed_row, score_table, skip_blocks, tiles, verdict

POINTS = 1000
"""Images in the scatter of a run's page; of more, that many are drawn with the run's seed."""


def write_page(
    scored: ScoredModel,
    info: PretrainingRun,
    path: Path,
    *,
    levels: Sequence[Level] = (),
    points: int = POINTS,
    project: Project | None = None,
) -> Path:
    """Write the page of an autoencoder, and figures/features.png beside it; returns where the page is.

    `points`: images in the scatter, at most. `project` shows the encoder's vectors elsewhere too.
    """
    probed, task = probed_row(info.rows, info.best_epoch), info.handover.task
    means = {name: mean_interval(values) for name, values in scored.scores.items()}
    page = Page(
        title=f"{data_name(info.config.data)}: an encoder taught by {task_words(task)}",
        kicker=f"recon2seg · phase 1 · pretraining · {scored.split} images of {info.data}",
        verdict=verdict(means, count_phrase(len(scored.pack), scored.split), task, probed),
        tiles=tiles(means, probed),
        notices=notices(info.warnings, task),
    )
    shown: set[int] = set()

    def pictures() -> list[Block]:
        tasks, seed = build_tasks(info.config), info.config.run.seed
        block, indices = gallery(scored.model, scored.pack, scored.scores, tasks, device=scored.device, seed=seed)
        shown.update(indices)
        return [block]

    def features() -> list[Block]:
        return _features(scored, shown, path.parent / "figures", points, project, seed=info.config.run.seed)

    page.add("Pictures", pictures, "Originals, and what the network makes of them.")
    page.add("Scores", lambda: [score_table(means), *skip_blocks(scored.scores)])
    if levels:
        page.add("Levels", lambda: level_blocks(levels, probed), "What each map of the encoder's pyramid holds.")
    page.add("Features", features, _FEATURES)
    if info.rows:
        page.add("Training", lambda: curve_blocks(info.rows, panels(info.rows), best_epoch=info.best_epoch))
    page.add(
        "How to repeat it",
        lambda: repeating(info.environment, flatten(info.config), info.packs, evaluation=info.evaluation),
    )
    page.write(path)
    return path


_FEATURES = (
    "What the encoder makes of whole images: points near each other look alike to it. One vector an image, the mean "
    "and deviation of each of its maps."
)


def _features(
    looked: ScoredModel, shown: set[int], figures: Path, most: int, project: Project | None, *, seed: int
) -> list[Block]:
    chosen = sampled(len(looked.pack), most, seed=seed)
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
    if project is not None:
        keys = [part.keys[i] for i in thumbed]
        project("encoder", LabelledPoints(vectors[thumbed], keys, points.sheets["images"][1]))
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
