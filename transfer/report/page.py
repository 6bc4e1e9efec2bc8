"""The page of phase 2: a segmentation network's scores, predictions, errors and features."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.config.load import flatten
from common.embedding import latents
from common.figures import save_picture
from common.models.encoder import Encoder
from common.report.blocks import curve_blocks
from common.report.embedding import LEAD, RUN_PAGE, EmbeddedImages, EmbeddingOptions, embedding_blocks
from common.report.page import Block, Page, full_stops, notices
from common.report.provenance import repeating, time_blocks
from common.report.scatter import Colouring, Points, thumbnailed
from common.report.selection import evenly
from transfer.report.figures import activation_grid
from transfer.report.gallery import ScoredImages, thumbnail_sheets
from transfer.report.headline import constant_guess, main_figures, score_warnings, tiles, title, verdict
from transfer.report.reliability import calibration_warnings
from transfer.report.scored_model import ScoredModel, SegmentationRun
from transfer.report.scores import panel_colours, panels, score_blocks, threshold_blocks

OF_PHOTOGRAPHS = "Photographs without masks, as the last epoch's teacher names them: the network learns from them, too."
SHEET = 6
"""Images on the sheet of activation maps."""


@dataclass(frozen=True)
class Before:
    """The encoder as it was before training."""

    encoder: Encoder | None
    why_not: str = ""
    """Why it is missing, in a sentence."""


def write_page(
    scored: ScoredModel,
    info: SegmentationRun,
    path: Path,
    *,
    before: Before,
    embedding: EmbeddingOptions = RUN_PAGE,
    photographs: Callable[[], list[Block]] | None = None,
) -> Path:
    """Write the page of a network, and of its pictures those that `figures/` beside it lacks; returns where it is.

    `photographs` draws those without masks.
    """
    figures, folder = main_figures(scored.scores), path.parent / "figures"
    folder.mkdir(exist_ok=True)
    model, scores, quality, receipt = scored.model, scored.scores, scored.measured, info.handover.provenance.encoder
    names, said = model.names, verdict(figures["mean IoU"], scores, scored.split)
    guess = constant_guess(scores.total.sum(1), names)
    page = Page(
        title=title(info.config, receipt),
        kicker=f"recon2seg · phase 2 · segmentation · {scored.split} images of {info.data}",
        verdict=" ".join([said, *full_stops(guess, info.outcome)]),
        tiles=tiles(figures, quality, images=len(scored.pack)),
        notices=notices([*score_warnings(scores), *calibration_warnings(scored), *info.warnings], receipt, info.notes),
        next=info.next,
    )
    shown: set[int] = set()

    def features() -> list[Block]:
        return _features(scored, shown, folder, before, embedding, seed=info.config.run.seed)

    page.add("Images", lambda: [_pictures(scored, shown, folder)], "Images with the predicted mask, worst first.")
    page.add("Scores", lambda: score_blocks(scores, quality))
    page.add("Confidence", lambda: threshold_blocks(names, quality, images=len(scored.pack)))
    page.add("Features", features, LEAD)
    if photographs is not None:
        page.add("Photographs", photographs, OF_PHOTOGRAPHS)
    if info.rows:
        page.add("Training", lambda: _curves(info, names), f"{info.trend}{_received(info.receipt)}")
    page.add(
        "How to repeat it",
        lambda: repeating(info.environment, flatten(info.config), info.packs, evaluation=info.evaluation),
    )
    page.write(path)
    return path


def _pictures(scored: ScoredModel, shown: set[int], folder: Path) -> Block:
    """The gallery, whose images are added to `shown`; activation maps of some images become a file."""
    model, pack = scored.model, scored.pack
    block, indices = ScoredImages(model, pack, scored.scores).block()
    shown.update(indices)
    maps = activation_grid(model.fast, pack, evenly(len(pack), SHEET), model.names, device=model.device)
    save_picture(maps, folder / "activation_maps.png")
    return block


def _received(receipt: str) -> str:
    """What the encoder was given, as a sentence after another one; nothing where the page omits it."""
    return f" {receipt[:1].upper()}{receipt[1:]}." if receipt else ""


def _curves(info: SegmentationRun, names: Sequence[str]) -> list[Block]:
    curves = curve_blocks(info.rows, panels(names), best_epoch=info.best_epoch, colours=panel_colours(names))
    return [*curves, *time_blocks(info.parts())]


def _features(
    scored: ScoredModel, shown: set[int], figures: Path, before: Before, options: EmbeddingOptions, *, seed: int
) -> list[Block]:
    names, quality = scored.model.names, scored.measured
    images = EmbeddedImages.draw(scored.pack, scored.split, most=options.most, seed=seed, names=names)
    vectors = {"encoder after training": scored.described.vectors(positions=images.positions)}
    if before.encoder is not None:
        earlier = latents(before.encoder, images.pack, batch_size=scored.batch_size, device=scored.model.device)
        vectors = {"encoder before training": earlier, **vectors}
    at, small = images.positions, thumbnailed(len(images.pack))
    points = Points(
        names=images.pack.keys,
        ids=[str(index) for index in at],
        in_gallery=[int(index) in shown for index in at],
        sheets=thumbnail_sheets(
            images.pack, quality.small_predictions[at][small], small, background=scored.scores.background
        ),
    )
    colourings = [
        Colouring("mean IoU", scored.scores.per_image["mean_iou"][at]),
        Colouring("entropy", quality.entropies[at]),
    ]
    why_not = before.why_not if before.encoder is None else ""
    return embedding_blocks(images, vectors, colourings, points, figures=figures, options=options, note=why_not)
