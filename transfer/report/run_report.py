"""From a scored network to figures, metrics.json and report.html, for a training and for `evaluate` alike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from common.data.pack import LabelledPack
from common.data.split import folds_for
from common.embedding import Description
from common.figures import curve_figure, embedding_figure, save_figure, save_picture
from common.files import write_json
from common.models.encoder import Encoder
from common.report.embedding import MOST, Embedding, EmbeddingOptions
from common.report.page import Block
from common.report.selection import evenly, sampled
from common.run.folder import Run
from common.run.next_step import last_lines, longer
from common.say import say
from common.terminal import spinner
from common.words import counted
from transfer.metrics.scores import Scores
from transfer.model import SegmentationNet
from transfer.report.figures import confusion_figure, quality_figure, sample_grid
from transfer.report.headline import constant_guess, score_warnings, worse_than_guessing
from transfer.report.page import Before, write_page
from transfer.report.reliability import calibration_outcome, calibration_record, calibration_warnings
from transfer.report.scored_model import ScoredModel, SegmentationRun, score_model
from transfer.report.scores import panel_colours, panels
from transfer.report.worst import write_worst
from transfer.scoring import challenge_words, print_table, save_images
from transfer.segmenter import Segmenter


@dataclass(frozen=True)
class Latents:
    """The encoder's vectors of whole images."""

    embedding: Embedding
    labels: Sequence[str] | None
    """The class of each image."""


def training_picture(
    net: SegmentationNet, pack: LabelledPack, names: tuple[str, ...], *, device: torch.device
) -> UInt8[np.ndarray, "h w 3"]:
    """Truth and prediction of the first images, to watch a training by."""
    return sample_grid(net, pack, range(min(4, len(pack))), names, device=device)


def report_training(
    run: Run,
    model: Segmenter,
    info: SegmentationRun,
    *,
    labelled: int,
    before: Encoder | None,
    photographs: Callable[[], list[Block]] | None = None,
) -> None:
    """Score the best epoch; write its figures, metrics.json and report.html into the run's folder; print the scores.

    `model` is the best epoch, `before` its encoder as it began; `labelled` images are in the whole data set;
    `photographs` draws those without masks. Without --report there are neither figures nor page.
    """
    size, drawn = info.config.training.batch_size, info.config.run.report
    shown = Description(sampled(len(info.packs["test"]), MOST, seed=info.config.run.seed)) if drawn else None
    test, val = (
        score_model(model, info.packs[split], split, batch_size=size, quality=wanted is not None, description=wanted)
        for split, wanted in (("test", shown), ("val", None))
    )
    save_images(run.folder, test.pack, test.scores)
    write_worst(run.folder, test.pack.keys, test.scores)
    warnings = [*score_warnings(test.scores), *calibration_warnings(test)]
    images = {split: len(info.packs[split]) for split in ("train", "test", "val")}
    if info.next and worse_than_guessing(test.scores):
        again = longer("transfer.main", run.config, run.folder, images=images["train"])
        info = replace(info, next=[*again, *info.next])
    scores = {scored.split: scored.scores.to_dict() for scored in (test, val)}
    finished = {"best_epoch": info.best_epoch, "epochs": len(info.rows), "images": images}
    more = {"warnings": warnings, "background": None if model.background is None else model.names[model.background]}
    run.write_json("metrics.json", {**scores, "calibration": calibration_record([test, val]), **finished, **more})
    page = run.folder / "report.html"
    if drawn:
        with spinner("drawing figures"):
            _draw_training(run.figures, test, info)
        options = EmbeddingOptions(project=run.points)
        write_page(test, info, page, before=Before(before), embedding=options, photographs=photographs)
    run.close()
    print_table(test.scores, "test")
    folds = folds_for(labelled) if info.config.data.folds is None else None
    told = f"the test part is {images['test']} of {counted(labelled, 'image')}; --folds {folds} tests each of them once"
    last_lines(
        constant_guess(test.scores.total.sum(1), test.scores.names),
        info.outcome,
        calibration_outcome(test),
        warnings=warnings,
        notes=[told] if folds else [],
        places={"pictures and figures": run.folder, **({"report": page} if drawn else {})},
        steps=info.next,
    )


def _draw_training(figures: Path, test: ScoredModel, info: SegmentationRun) -> None:
    save_picture(_samples(test, 8), figures / "segmentations_test.png")
    _draw_scores(figures, test, suffix="_test")
    names = test.model.names
    save_figure(curve_figure(info.rows, panels(names), panel_colours(names)), figures / "curves.png")


def write_scores(
    folder: Path, scored: ScoredModel, original_size: Scores | None, *, of: Mapping[str, str | int]
) -> None:
    """Write metrics.json, worst.csv and the figures of the scores into the folder; print the scores.

    `original_size`: the scores at the images' own size, if those are wanted too; `of`: what was scored.
    """
    scores = {scored.split: scored.scores}
    if original_size is not None:
        scores[f"{scored.split}_original_size"] = original_size
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    told = {name: part.to_dict() for name, part in scores.items()}
    write_json(folder / "metrics.json", {"scored": of, **told, "calibration": calibration_record([scored])})
    if scored.split == "test":
        save_images(folder, scored.pack, scored.scores)
    write_worst(folder, scored.pack.keys, scored.scores)
    with spinner("drawing figures"):
        _draw_scores(folder / "figures", scored)
    for name, part in scores.items():
        print_table(part, name.replace("_", " "))
    if original_size is not None:
        say(f"mean over the images, as challenges have it: {challenge_words(original_size)}")


def report_evaluation(
    folder: Path,
    scored: ScoredModel,
    info: SegmentationRun,
    *,
    latents: Latents | None,
    samples: int,
    before: Before,
) -> dict[str, Path]:
    """Draw `samples` images and the latents, if there are any; write report.html where the quality was measured.

    Returns where everything is.
    """
    figures = folder / "figures"
    if samples:
        save_picture(_samples(scored, samples), figures / "samples.png")
    if latents is not None:
        drawn = embedding_figure(latents.embedding.places, latents.labels, f"encoder features, {scored.split}")
        save_figure(drawn, figures / "latents.png")
    if scored.quality is None:
        return {"pictures and figures": folder}
    options = EmbeddingOptions() if latents is None else EmbeddingOptions(5 * MOST, known=latents.embedding)
    page = write_page(scored, info, folder / "report.html", before=before, embedding=options)
    return {"pictures and figures": folder, "report": page}


def _samples(scored: ScoredModel, count: int) -> UInt8[np.ndarray, "h w 3"]:
    model = scored.model
    chosen, shown = evenly(len(scored.pack), count), {"device": model.device, "temperature": model.temperature}
    return sample_grid(model.fast, scored.pack, chosen, model.names, **shown)


def _draw_scores(figures: Path, scored: ScoredModel, *, suffix: str = "") -> None:
    save_figure(confusion_figure(scored.scores), figures / f"confusion{suffix}.png")
    if scored.quality is not None:
        drawn = quality_figure(scored.quality, scored.scores)
        save_figure(drawn, figures / f"quality{suffix}.png")
