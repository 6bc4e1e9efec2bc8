"""The page of phase 2: what a network was trained on, what it can do, and where it fails."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.config.load import flatten
from common.embedding import image_classes, knn_accuracy, latents, silhouette
from common.figures import embedding_figure, save_picture
from common.models.encoder import Encoder
from common.report.blocks import curve_blocks, number, table
from common.report.page import Block, Page, notices
from common.report.provenance import repeating
from common.report.scatter import Colouring, Points, Project, scatter, thumbnailed, view
from common.report.selection import sampled, spread
from common.run.loggers import LabelledPoints
from transfer.report.figures import activation_grid
from transfer.report.gallery import ScoredImages, thumbnail_sheets
from transfer.report.headline import main_figures, silent_warnings, tiles, title, verdict
from transfer.report.scored_model import ScoredModel, SegmentationRun
from transfer.report.scores import panel_colours, panels, score_blocks, threshold_blocks

POINTS = 1000
"""Images in the scatter of a run's page; of more, that many are drawn with the run's seed."""


SHEET = 6
"""Images on the sheet of activation maps."""


@dataclass(frozen=True)
class Before:
    """The encoder as it was before training."""

    encoder: Encoder | None
    why_not: str = ""
    """Why it can't be had, in a sentence."""


def write_page(
    scored: ScoredModel,
    info: SegmentationRun,
    path: Path,
    *,
    before: Before,
    points: int = POINTS,
    project: Project | None = None,
) -> Path:
    """Write the page of a network, and of its pictures those that `figures/` beside it lacks; returns where it is.

    `points`: images in the scatter, at most. `project` shows the encoders' vectors elsewhere too.
    """
    figures, folder = main_figures(scored.scores), path.parent / "figures"
    folder.mkdir(exist_ok=True)
    model, scores, quality, receipt = scored.model, scored.scores, scored.measured, info.handover.provenance.encoder
    names = model.names
    page = Page(
        title=title(info.config, receipt.source),
        kicker=f"recon2seg · phase 2 · segmentation · {scored.split} images of {info.data}",
        verdict=verdict(figures["mean IoU"], scores, scored.split),
        tiles=tiles(figures, quality),
        notices=notices([*silent_warnings(scores), *info.warnings], receipt),
    )
    shown: set[int] = set()

    def pictures() -> list[Block]:
        block, indices = ScoredImages(model.net, scored.pack, scores, device=model.device).block()
        shown.update(indices)
        chosen = spread(len(scored.pack), SHEET)
        maps = activation_grid(model.net, scored.pack, chosen, names, device=model.device)
        save_picture(maps, folder / "activation_maps.png")
        return [block]

    def curves() -> list[Block]:
        return curve_blocks(info.rows, panels(names), best_epoch=info.best_epoch, colours=panel_colours(names))

    def features() -> list[Block]:
        return _features(scored, shown, folder, points, project, before, seed=info.config.run.seed)

    page.add("Scores", lambda: score_blocks(scores, quality))
    page.add("Images", pictures, "Pictures with the network's answer over them, worst first.")
    page.add("Confidence", lambda: threshold_blocks(names, quality))
    page.add("Features", features, _FEATURES)
    if info.rows:
        page.add("Training", curves, info.receipt)
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
    scored: ScoredModel,
    shown: set[int],
    figures: Path,
    most: int,
    project: Project | None,
    before: Before,
    *,
    seed: int,
) -> list[Block]:
    chosen = sampled(len(scored.pack), most, seed=seed)
    part = scored.pack if len(chosen) == len(scored.pack) else scored.pack.take(chosen)
    encoders = {"after training": scored.model.net.encoder}
    if before.encoder is not None:
        encoders = {"before training": before.encoder, **encoders}
    vectors = {
        name: latents(encoder, part, batch_size=scored.batch_size, device=scored.model.device)
        for name, encoder in encoders.items()
    }
    views = [view(f"encoder {name}", rows, seed=seed) for name, rows in vectors.items()]
    classes = image_classes(part)
    labels = None if classes is None else [scored.model.names[k] for k in classes]
    for name, one in zip(vectors, views, strict=True):
        figure = embedding_figure(one.places, labels, f"{one.title}, {scored.split}")
        figure.savefig(figures / f"features_{name.split()[0]}.png", dpi=110)
    score = scored.scores.per_image["mean_iou"][chosen]
    colourings = [Colouring("mean IoU", score), Colouring("entropy", scored.measured.entropies[chosen])]
    if classes is not None:
        colourings.insert(0, Colouring("class", classes, scored.model.names))
    thumbed = thumbnailed(len(part))
    points = Points(
        names=part.keys,
        ids=[str(index) for index in chosen],
        in_gallery=[int(index) in shown for index in chosen],
        sheets=thumbnail_sheets(part, scored.measured.small_predictions[chosen][thumbed], thumbed),
    )
    note = (
        ""
        if len(chosen) == len(scored.pack)
        else f"{len(chosen)} of {len(scored.pack)} images, drawn with seed {seed}. "
    )
    if before.encoder is None:
        note += before.why_not
    if project is not None:
        kinds = [""] * len(part) if classes is None else [f", {scored.model.names[k]}" for k in classes]
        labels = [part.keys[i] + kinds[i] for i in thumbed]
        for name, rows in vectors.items():
            project(f"encoder {name}", LabelledPoints(rows[thumbed], labels, points.sheets["images"][1]))
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
