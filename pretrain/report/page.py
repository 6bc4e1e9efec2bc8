"""The page of phase 1: the pretext of an autoencoder, its reconstructions and its features."""

from collections.abc import Sequence
from pathlib import Path

from common.config.load import flatten
from common.embedding import latents
from common.intervals import mean_interval
from common.report.blocks import curve_blocks
from common.report.embedding import LEAD, RUN_PAGE, EmbeddedImages, EmbeddingOptions, embedding_blocks
from common.report.page import Block, Page, notices
from common.report.provenance import repeating, time_blocks
from common.report.scatter import Colouring, Points, thumbnailed, thumbnails
from common.run.notes import count_phrase, data_name
from pretrain.build import build_tasks
from pretrain.record import task_words
from pretrain.report.gallery import gallery
from pretrain.report.scored_model import Level, PretrainingRun, ScoredModel
from pretrain.report.scores import NAMES, level_blocks, panels, probed_row, score_table, skip_blocks, tiles, verdict


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
    means = {name: mean_interval(values) for name, values in scored.scores.items()}
    page = Page(
        title=f"{data_name(info.config.data)}: an encoder pretrained by {task_words(task)}",
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
        return _features(scored, shown, path.parent / "figures", embedding, seed=info.config.run.seed)

    page.add("Pictures", pictures, "Originals and their reconstructions.")
    page.add("Scores", lambda: [score_table(means), *skip_blocks(scored.scores)])
    if levels:
        page.add(
            "Levels",
            lambda: level_blocks(levels, probed),
            "Effective rank and linear probe of each map of the encoder.",
        )
    page.add("Features", features, LEAD)
    if info.rows:
        page.add("Training", lambda: _training(info))
    page.add(
        "How to repeat it",
        lambda: repeating(info.environment, flatten(info.config), info.packs, evaluation=info.evaluation),
    )
    page.write(path)
    return path


def _training(info: PretrainingRun) -> list[Block]:
    curves = curve_blocks(info.rows, panels(info.rows), best_epoch=info.best_epoch)
    return [*curves, *time_blocks(info.parts())]


def _features(
    scored: ScoredModel, shown: set[int], figures: Path, options: EmbeddingOptions, *, seed: int
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
