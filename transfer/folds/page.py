"""The page of a cross-validation: every image by the network that did not see it, and the scores of all together."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from common.config.groups import LabelledDataConfig
from common.config.load import flatten
from common.data.load import load_labelled
from common.data.pack import Pack
from common.report.blocks import TableCell, interval_position, number, table
from common.report.gallery import Gallery, Item, fill_gallery
from common.report.page import Block, Notice, Page, full_stops
from common.report.provenance import repeating
from common.report.selection import some_of, worst_best_between
from common.run.environment import environment
from common.run.notes import data_name
from common.words import counted
from transfer.compare.finished_run import FinishedRun
from transfer.config import TransferConfig
from transfer.folds.pooled import SHARED, Pooled, verdict
from transfer.report.gallery import ORDERS, ScoredImages, layer_list
from transfer.report.headline import main_figures, score_tiles
from transfer.report.scores import confusion_block
from transfer.report.worst import worst_listing
from transfer.segmenter import load_model


def write_page(config: TransferConfig, pooled: Pooled, path: Path, *, steps: Sequence[str]) -> Path:
    """Write the page of finished folds, with the commands of the next steps; returns where it is."""
    tests = [load_labelled(_read_as(config, run)).test for run in pooled.runs]
    page = Page(
        title=f"{data_name(config.data)}: {len(pooled.runs)}-fold cross-validation",
        kicker=f"recon2seg · phase 2 · segmentation · {counted(len(pooled.scores), 'image')}, each tested once",
        verdict=" ".join([verdict(pooled), *full_stops(pooled.guess)]),
        tiles=score_tiles(main_figures(pooled.scores)),
        notices=[*map(Notice, pooled.warnings), Notice(SHARED, "note")],
        next=steps,
    )
    page.add(
        "Images",
        lambda: [_gallery(pooled, tests, config.run.device)],
        "Each image with the mask by the network that did not see it, worst first.",
    )
    page.add("Scores", lambda: [_classes(pooled), confusion_block(pooled.scores.total, pooled.scores.names)])
    page.add("Folds", lambda: [_folds(pooled)], "Each fold has a page of its own, in its folder.")
    packs = {f"test, {run.name}": pack for run, pack in zip(pooled.runs, tests, strict=True)}
    page.add("How to repeat it", lambda: repeating(environment(), flatten(config), packs))
    page.write(path)
    return path


def _read_as(config: TransferConfig, run: FinishedRun) -> LabelledDataConfig:
    """The settings of a fold's images where they lie now: they may have moved since it was trained."""
    own = run.config.data
    return replace(config.data, fold=own.fold, fit=own.fit, scale_to=own.scale_to)


def _gallery(pooled: Pooled, tests: Sequence[Pack], device: str) -> Block:
    scored = [
        ScoredImages(load_model(run.folder, device), pack, run.scores, maps=False)
        for run, pack in zip(pooled.runs, tests, strict=True)
    ]
    places = [(fold, index) for fold, run in enumerate(pooled.runs) for index in range(len(run.keys))]
    order = worst_best_between(pooled.scores.per_image["mean_iou"])

    def draw(chosen: Sequence[int]) -> list[Item]:
        drawn = [(position, scored[places[position][0]].items([places[position][1]])[0]) for position in chosen]
        return [replace(item, id=str(position)) for position, item in drawn]

    names = pooled.scores.names
    items = fill_gallery(order, draw)
    filled = Gallery(
        items=items,
        layers=layer_list(names, pooled.scores.background),
        orders=ORDERS,
        start="prediction",
        classes=names,
        kinds=names,
        kinds_label="images with",
        figure_heads=["class", "IoU", "true", "predicted"],
        listing=worst_listing(pooled.keys, pooled.scores),
    )
    return filled.block(some_of(len(items), len(places)))


def _classes(pooled: Pooled) -> Block:
    scores = pooled.scores
    rows = []
    for k, (name, sure) in enumerate(zip(scores.names, scores.intervals("iou"), strict=True)):
        ends = "-" if math.isnan(sure.low) else f"{sure.low:.3f} to {sure.high:.3f}"
        others = [number(float(scores.per_class[metric][k]), ".3f") for metric in ("dice", "precision", "recall")]
        rows.append([name, number(sure.value, ".3f", interval=interval_position(*sure)), TableCell(ends), *others])
    heads = ["class", "IoU", "95 % interval", "Dice", "precision", "recall"]
    return table("Classes", heads, rows, note="All pixels of all images together; intervals are over images.")


def _folds(pooled: Pooled) -> Block:
    unlike = pooled.unlike
    rows = [
        [
            run.name,
            number(len(run.scores), "d"),
            number(run.scores.mean_iou, ".3f"),
            number(run.ended.best_epoch, "d"),
            number(run.ended.epochs, "d"),
            *(each[position] for each in unlike.values()),
            f"{run.folder.name}/report.html",
        ]
        for position, run in enumerate(pooled.runs)
    ]
    spread = np.array([run.scores.mean_iou for run in pooled.runs])
    note = (
        f"Scores of single folds are of few images: they range from {np.nanmin(spread):.3f} to {np.nanmax(spread):.3f}."
    )
    heads = ["fold", "test images", "mean IoU", "best epoch", "epochs", *unlike, "page"]
    return table("Folds", heads, rows, note=note)
