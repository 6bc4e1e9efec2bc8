"""From a scored autoencoder to figures, metrics.json and report.html, for a training and for `evaluate` alike."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from common.config.network import Pooling
from common.data.pack import Pack
from common.engine.seeding import VALIDATION, seed_update
from common.figures import curve_figure, embedding_figure, save_figure, save_picture
from common.files import write_json
from common.intervals import mean_interval
from common.report.embedding import MOST, Embedding, EmbeddingOptions
from common.report.page import to_jsonable
from common.report.selection import sampled
from common.run.folder import Run
from common.run.next_step import last_lines, longer
from common.run.plain_data import to_dict
from common.terminal import spinner
from common.words import counted
from pretrain.build import build_tasks
from pretrain.config import PretrainConfig
from pretrain.model import Autoencoder
from pretrain.probe.probe import Probe
from pretrain.report.figures import neighbour_grid, picture_sheets, reconstruction_grid
from pretrain.report.headline import UNTAUGHT, alarms, probed_row, sentences
from pretrain.report.page import write_page
from pretrain.report.scored_model import (
    Level,
    Outlines,
    PretrainingRun,
    ScoredModel,
    measure_levels,
    outlines_of,
    score_model,
)
from pretrain.report.scores import panels
from pretrain.scoring import means
from pretrain.targets.target import Target

RANKED = 500
"""Test images, at most, from which the effective rank is computed."""


@dataclass(frozen=True)
class Separation:
    """How far the classes lie apart in the encoder's vectors of whole images."""

    pooling: Pooling
    knn_accuracy: float
    knn_accuracy_by_pooling: Mapping[str, float]
    largest_class: float
    """The share of the commonest class, which is the accuracy of always naming it."""
    silhouette: float | None
    """None where it does not exist, see `common.embedding.silhouette`."""


@dataclass(frozen=True)
class Analysis:
    """What `evaluate --analyze_latent_space` measures of the encoder."""

    levels: list[Level]
    probe_miou: float | None
    """Mean IoU of the linear probe of all levels; None without masks."""
    latents: Separation | None
    """None without classes."""
    embedding: Embedding
    labels: list[str] | None
    """The class of each image in the embedding."""
    title: str
    """Of the figure of the embedding."""

    def results(self) -> dict[str, Any]:
        """Its part of metrics.json."""
        found: dict[str, Any] = {} if self.probe_miou is None else {"probe_miou": self.probe_miou}
        found["levels"] = [asdict(level) for level in self.levels]
        return found if self.latents is None else {**found, "latents": asdict(self.latents)}


def training_pictures(
    model: Autoencoder,
    pack: Pack,
    config: PretrainConfig,
    count: int,
    *,
    target: Target | None,
    device: torch.device,
    neighbours: bool,
) -> dict[str, UInt8[np.ndarray, "h w 3"]]:
    """Reconstructions and predictions of the first images, by name; the same patches are hidden in every epoch."""
    seed_update(config.run.seed, VALIDATION)
    tasks = build_tasks(config)
    return picture_sheets(model, pack, tasks, count, target=target, device=device, neighbours=neighbours)


def report_training(
    run: Run,
    model: Autoencoder,
    info: PretrainingRun,
    *,
    target: Target | None,
    probe: Probe | None,
    device: torch.device,
) -> None:
    """Score the best epoch; write its figures, metrics.json and report.html into the run's folder; print the scores.

    `model` has the weights of the best epoch. Without --report only metrics.json is written.
    """
    size, drawn = info.config.training.batch_size, info.config.run.report
    known = {"target": target, "make_task": build_tasks(info.config), "seed": info.config.run.seed}
    test, val = (
        score_model(model, info.packs[name], name, batch_size=size, device=device, **known) for name in ("test", "val")
    )
    test = replace(test, outlines=_outlines(val, probe))
    levels = _levels(test, info)
    warnings = alarms(test, levels)
    if UNTAUGHT in warnings:
        again = longer("pretrain.main", run.config, run.folder, images=len(info.packs["train"]))
        info = replace(info, next=[*again, *info.next])
    scores = {one.split: means(one.scores) for one in (test, val)}
    if test.outlines:
        scores["outlines"] = {one.truth: one.mean for one in test.outlines}
    finished = {"best_epoch": info.best_epoch, "epochs": len(info.rows), "levels": [asdict(level) for level in levels]}
    told = to_jsonable({**scores, **finished})  # of pictures of one colour some scores are no numbers
    run.write_json("metrics.json", {**told, "task": to_dict(info.handover.task)})
    if drawn:
        with spinner("drawing figures"):
            _draw_training(run.figures, test, val, info)
    page = _training_page(run, test, info, levels) if drawn else None
    run.close()
    last_lines(
        info.outcome,
        *sentences(test, levels, probed_row(info.rows, info.best_epoch)),
        warnings=warnings,
        places={} if page is None else {"report": page},
        steps=info.next,
    )


def _draw_training(figures: Path, test: ScoredModel, val: ScoredModel, info: PretrainingRun) -> None:
    model, device = test.model, test.device
    first = range(min(8, len(test.pack)))
    save_picture(reconstruction_grid(model, test.pack, first, device=device), figures / "reconstructions_test.png")
    target = test.target
    sheets = training_pictures(model, val.pack, info.config, 8, target=target, device=device, neighbours=True)
    for name, picture in sheets.items():
        save_picture(picture, figures / f"{name}_val.png")
    save_figure(curve_figure(info.rows, panels(info.rows)), figures / "curves.png")


def _outlines(val: ScoredModel, probe: Probe | None) -> list[Outlines]:
    """How the predicted outlines agree with pseudo-masks, and with masks where a probe has some."""
    known = {"batch_size": val.batch_size, "device": val.device}
    found = outlines_of(val.model, val.pack, f"the pseudo-masks of {_validation(val.pack)}", **known)
    if probe is None:
        return found
    truth = f"the masks of {_validation(probe.val)}"
    return [*found, *outlines_of(val.model, probe.val, truth, background=probe.background, **known)]


def _validation(pack: Pack) -> str:
    return counted(len(pack), "validation image")


def _levels(test: ScoredModel, info: PretrainingRun) -> list[Level]:
    some = test.pack.take(sampled(len(test.pack), RANKED, seed=info.config.run.seed))
    return measure_levels(test.model.encoder, some, {}, batch_size=test.batch_size, device=test.device)


def _training_page(run: Run, test: ScoredModel, info: PretrainingRun, levels: Sequence[Level]) -> Path:
    return write_page(
        test, info, run.folder / "report.html", levels=levels, embedding=EmbeddingOptions(project=run.points)
    )


def report_evaluation(
    folder: Path, scored: ScoredModel, info: PretrainingRun, analysis: Analysis | None, *, place: str, extremes: int
) -> None:
    """Write figures and metrics.json into the folder: with `extremes` images each of the worst and the best PSNR.

    `place`: the folder of the images, or the name of the data set where they are embedded.
    """
    _draw_extremes(scored, extremes, folder / "figures")
    if analysis is not None:
        _draw_analysis(scored, analysis, folder / "figures")
    sure = {name: mean_interval(values) for name, values in scored.scores.items()}
    scores = {name: {"mean": one.value, "low": one.low, "high": one.high} for name, one in sure.items()}
    told: dict[str, Any] = {"scored": {"data": place, "part": scored.split}, "task": to_dict(info.handover.task)}
    told |= {"images": len(scored.pack), scored.split: scores}
    if scored.outlines:
        told["outlines"] = {one.truth: one.mean for one in scored.outlines}
    write_json(folder / "metrics.json", to_jsonable({**told, **({} if analysis is None else analysis.results())}))


def write_evaluation_page(folder: Path, scored: ScoredModel, info: PretrainingRun, analysis: Analysis | None) -> Path:
    """Write report.html into the folder; returns where it is."""
    path = folder / "report.html"
    if analysis is None:
        return write_page(scored, info, path)
    options = EmbeddingOptions(most=5 * MOST, known=analysis.embedding)
    return write_page(scored, info, path, levels=analysis.levels, embedding=options)


def _draw_extremes(scored: ScoredModel, count: int, figures: Path) -> None:
    psnr = scored.scores["psnr"]
    order = np.argsort(psnr, kind="stable")
    for name, chosen in (("worst", order[:count]), ("best", np.flip(order)[:count].copy())):
        captions = [f"{scored.pack.keys[i]}: {psnr[i]:.2f} dB" for i in chosen]
        if captions:
            picture = reconstruction_grid(scored.model, scored.pack, chosen, device=scored.device, captions=captions)
            save_picture(picture, figures / f"{name}.png")


def _draw_analysis(scored: ScoredModel, analysis: Analysis, figures: Path) -> None:
    drawn = embedding_figure(analysis.embedding.places, analysis.labels, analysis.title)
    save_figure(drawn, figures / "latents.png")
    picture = neighbour_grid(scored.model.encoder, scored.pack, device=scored.device)
    save_picture(picture, figures / "neighbours.png")
