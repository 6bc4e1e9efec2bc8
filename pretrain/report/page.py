"""The page of phase 1: the pretext of an autoencoder, its reconstructions and its features."""

from collections.abc import Sequence, Set
from functools import cache
from pathlib import Path

from common.config.load import flatten
from common.embedding import latents
from common.intervals import mean_interval
from common.report.blocks import curve_blocks
from common.report.embedding import LEAD, RUN_PAGE, EmbeddedImages, EmbeddingOptions, embedding_blocks
from common.report.page import Block, Page, full_stops, notices
from common.report.provenance import repeating, time_blocks
from common.report.scatter import Colouring, Points, thumbnailed, thumbnails
from common.run.notes import data_name
from pretrain.build import build_tasks
from pretrain.record import task_words
from pretrain.report.gallery import gallery
from pretrain.report.headline import alarms, probed_row, sentences, tiles
from pretrain.report.scored_model import Level, PretrainingRun, ScoredModel
from pretrain.report.scores import NAMES, level_blocks, panels, score_table, skip_blocks
from pretrain.report.sheets import neighbour_block, task_blocks, view_blocks

NEIGHBOURS = "Images and those that the encoder finds most alike: of one kind, where it has learnt what is in them."
TASK = "What the network saw, what it was asked for, and its guess. Cells that do not count are dim."
VIEWS = "Two crops of each photograph's foreground: the encoder learns which belong together."
BY_PRODUCT = (
    "Pixels were not asked for: a small decoder paints them from the encoder's maps and each image's mean and contrast."
)


def write_page(
    scored: ScoredModel,
    info: PretrainingRun,
    path: Path,
    *,
    levels: Sequence[Level] = (),
    embedding: EmbeddingOptions = RUN_PAGE,
) -> Path:
    """Write the page of an autoencoder, and figures/features.png beside it; returns where the page is."""
    probed, task = probed_row(info.rows, info.best_epoch), info.handover.task
    tasks, seed = build_tasks(info.config), info.config.run.seed
    page = Page(
        title=f"{data_name(info.config.data)}: an encoder pretrained by {task_words(task)}",
        kicker=f"recon2seg · phase 1 · pretraining · {scored.split} images of {info.data}",
        verdict=" ".join([*sentences(scored, levels, probed), *full_stops(info.outcome)]),
        tiles=tiles(scored, levels, probed),
        notices=notices([*alarms(scored, levels), *info.warnings], task, [*info.notes, *info.remarks]),
        next=info.next,
    )
    pictures = cache(lambda: gallery(scored.model, scored.pack, scored.scores, device=scored.device))

    def features() -> list[Block]:
        return _features(scored, pictures()[1], path.parent / "figures", embedding, seed=seed)

    page.add("Neighbours", lambda: [neighbour_block(scored)], NEIGHBOURS)
    page.add("Task", lambda: task_blocks(scored, tasks, seed=seed), TASK)
    page.add("Views", lambda: view_blocks(info.packs.get("val", scored.pack), info.config, device=scored.device), VIEWS)
    if not scored.by_product:
        page.add("Pictures", lambda: [pictures()[0]], "Originals and their reconstructions.")
        page.add("Scores", lambda: _scores(scored))
    if levels:
        page.add(
            "Levels",
            lambda: level_blocks(levels, probed),
            "Effective rank and linear probe of each map of the encoder.",
        )
    page.add("Features", features, LEAD)
    if info.rows:
        page.add("Training", lambda: _training(info), info.trend)
    if scored.by_product:
        taught = f" It learns by {task.picture}." if task.picture else ""
        page.add("Pictures, a by-product", lambda: [pictures()[0]], f"{BY_PRODUCT}{taught}")
        page.add("Scores", lambda: _scores(scored))
    page.add(
        "How to repeat it",
        lambda: repeating(info.environment, flatten(info.config), info.packs, evaluation=info.evaluation),
    )
    page.write(path)
    return path


def _scores(scored: ScoredModel) -> list[Block]:
    means = {name: mean_interval(values) for name, values in scored.scores.items()}
    return [score_table(means), *skip_blocks(scored.scores)]


def _training(info: PretrainingRun) -> list[Block]:
    curves = curve_blocks(info.rows, panels(info.rows), best_epoch=info.best_epoch)
    return [*curves, *time_blocks(info.parts())]


def _features(
    scored: ScoredModel, shown: Set[int], figures: Path, options: EmbeddingOptions, *, seed: int
) -> list[Block]:
    images = EmbeddedImages.draw(scored.pack, scored.split, most=options.most, seed=seed, names=scored.names)
    vectors = latents(scored.model.encoder, images.pack, batch_size=scored.batch_size, device=scored.device)
    at = images.positions
    points = Points(
        names=images.pack.keys,
        ids=[str(index) for index in at],
        in_gallery=[int(index) in shown for index in at],
        sheets={"images": ("image", thumbnails(images.pack, thumbnailed(len(images.pack))))},
    )
    colourings = [Colouring(NAMES[name], scored.scores[name][at]) for name in ("psnr", "ssim")]
    return embedding_blocks(images, {"encoder": vectors}, colourings, points, figures=figures, options=options)
