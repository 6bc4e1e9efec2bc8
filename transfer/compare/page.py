"""The page of a comparison: scores with intervals, paired differences, and the same images by every run."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from common.config.load import as_typed, flatten
from common.intervals import Interval, too_few
from common.report.blocks import (
    Axis,
    Chart,
    Series,
    TableCell,
    code,
    curve_axis,
    interval_position,
    number,
    table,
    three_digits,
)
from common.report.page import Block, Notice, Page, Tile
from common.report.provenance import fingerprint, machine
from common.words import counted
from transfer.compare.finished_run import FinishedRun
from transfer.compare.gallery import gallery
from transfer.compare.images import Shown

CURVES = {"train/loss": "Training loss", "val/loss": "Validation loss", "val/mean_iou": "Validation mean IoU"}

NAMED = 4
"""Runs, at most, that the title names; for more it gives their number."""


def write_page(
    runs: Sequence[FinishedRun],
    shown: Shown,
    rows: Sequence[Mapping[str, Any]],
    differences: Sequence[Mapping[str, Any]],
    *,
    alerts: Sequence[str],
    device: torch.device,
    path: Path,
    command: str,
    step: str,
) -> Path:
    """Write the page of several runs on the same images; returns where it is.

    `shown`: what its pictures are drawn from; `rows` and `differences` are those of comparison.json; `alerts` stand at
    the head, `command` repeats the comparison, `step` is the next one.
    """
    page = Page(
        title=" · ".join(run.name for run in runs) if len(runs) <= NAMED else counted(len(runs), "run"),
        kicker=f"recon2seg · comparison of {counted(len(runs), 'run')} · {counted(len(runs[0].keys), 'test image')}",
        verdict=verdict(rows, differences),
        tiles=[_tile(row) for row in rows],
        notices=[Notice(lack_of(len(runs[0].keys))), *map(Notice, alerts), *_warnings(runs)],
        next=[step],
    )
    same = "The same test images, predicted by every run."
    page.add("Images", lambda: [gallery(shown.runs, shown.networks, device)], same)
    page.add("Scores", lambda: [_scores(runs, rows), _classes(runs)])
    page.add("Differences", lambda: [_differences(differences), *_image_by_image(runs)], _PAIRED)
    page.add("Training", lambda: _curves(runs))
    page.add("How to repeat it", lambda: _repeating(runs, command))
    page.write(path)
    return path


_PAIRED = (
    "Intervals are paired, because both runs were scored on the same test images. They say how these two networks "
    "differ on other images of this kind, and not what another training would give."
)


def lack_of(images: int) -> str:
    """Why a comparison of runs has no verdict: each run is one training."""
    lack = too_few(images=images, seeds=1)
    return f"{lack}. This compares networks, not methods: transfer.study trains several seeds of each."


def _warnings(runs: Sequence[FinishedRun]) -> list[Notice]:
    """What the runs warned of; too few images is said of all of them together."""
    known = too_few(images=len(runs[0].keys))
    return [Notice(f"{run.name}: {warning}") for run in runs for warning in run.warnings if warning != known]


def verdict(rows: Sequence[Mapping[str, Any]], differences: Sequence[Mapping[str, Any]]) -> str:
    """The best run, and its lead over the next best."""
    known = [row for row in rows if row["mean_iou"] is not None]
    if not known:
        return "No run has a score: no pixel is labelled."
    best = max(known, key=lambda row: row["mean_iou"])
    others = [_towards(best["run"], pair) for pair in differences if pair["metric"] == "mean_iou"]
    mine = [pair for pair in others if pair is not None and pair["low"] is not None]
    said = f"{best['run']} scores best, with a mean IoU of {best['mean_iou']:.3f}"
    if not mine:
        return f"{said}."
    closest = min(mine, key=lambda pair: pair["difference"])
    gap = f"{closest['difference']:+.3f} ({closest['low']:+.3f} to {closest['high']:+.3f})"
    return f"{said}: {gap} against {closest['against']}, the next best ({closest['verdict']})."


def _towards(run: str, pair: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """A difference with `run` first; None if it is between other runs."""
    if pair["run"] == run:
        return pair
    if pair["against"] != run:
        return None
    turned = {name: None if pair[name] is None else -pair[name] for name in ("difference", "low", "high")}
    return {**pair, **turned, "run": run, "against": pair["run"], "low": turned["high"], "high": turned["low"]}


def _tile(row: Mapping[str, Any]) -> Tile:
    value, low, high = (
        math.nan if row[name] is None else row[name] for name in ("mean_iou", "mean_iou_low", "mean_iou_high")
    )
    detail = f"mean IoU, 95 %: {low:.3f} to {high:.3f}" if not math.isnan(low) else "mean IoU"
    return Tile(row["run"], three_digits(value), detail, interval_position(value, low, high))


def _scores(runs: Sequence[FinishedRun], rows: Sequence[Mapping[str, Any]]) -> Block:
    heads = ["run", "encoder", "external labels", "mean IoU", "Dice", "accuracy"]
    heads += ["trained / all parameters", "epochs", "minutes", "MiB"]
    lines = [
        [
            row["run"],
            row["encoder"],
            row["labels_elsewhere"],
            number(row["mean_iou"], ".4f"),
            number(row["mean_foreground_dice"], ".4f"),
            number(row["pixel_accuracy"], ".4f"),
            TableCell(
                f"{_count(row['trained_parameters'])} / {_count(row['parameters'])}", row["parameters"], number=True
            ),
            number(row["epochs"], ",d"),
            number(None if row["train_seconds"] is None else row["train_seconds"] / 60, ".1f"),
            number(row["peak_memory_mib"], ".0f"),
        ]
        for row in rows
    ]
    shares = {run.config.labels.label_fraction for run in runs}
    note = "" if shares == {1.0} else f"Shares of the masks used: {', '.join(f'{s:g}' for s in sorted(shares))}."
    return table("Runs", heads, lines, note=note)


def _classes(runs: Sequence[FinishedRun]) -> Block:
    sure = {run.name: run.scores.intervals("iou") for run in runs}
    lines = [
        [name, *(_with_interval(sure[run.name][k]) for run in runs)] for k, name in enumerate(runs[0].scores.names)
    ]
    return table("IoU of each class, with 95 % intervals", ["class", *(run.name for run in runs)], lines)


def _with_interval(sure: Interval) -> TableCell:
    cell = number(sure.value, ".3f", interval=interval_position(*sure))
    return cell if math.isnan(sure.low) else replace(cell, text=f"{cell.text} ({sure.low:.3f} to {sure.high:.3f})")


def _differences(differences: Sequence[Mapping[str, Any]]) -> Block:
    told = [pair for pair in differences if pair["metric"] == "mean_iou"]
    ends = [abs(pair[name]) for pair in told for name in ("low", "high") if pair[name] is not None]
    reach = max(ends, default=1.0) * 1.05 or 1.0
    lines = []
    for pair in told:
        value, low, high = (math.nan if pair[name] is None else pair[name] for name in ("difference", "low", "high"))
        at = interval_position(value, low, high, start=-reach, end=reach, zero=0.0)
        ends_said = "-" if math.isnan(low) else f"{low:+.4f} to {high:+.4f}"
        lines.append([pair["run"], pair["against"], number(value, "+.4f", interval=at), ends_said])
    heads = ["run", "against", "difference", "95 % interval"]
    note = "The dashed line marks no difference. Differences of Dice and accuracy are in comparison.json."
    return table("Paired differences of the mean IoU", heads, lines, note=note)


def _image_by_image(runs: Sequence[FinishedRun]) -> list[Block]:
    base, *others = runs
    first = base.scores.per_image["mean_iou"]
    series = [Series(run.name, first, run.scores.per_image["mean_iou"], points=True, text=base.keys) for run in others]
    equal = Series("equal", [0, 1], [0, 1], colour="ink", dash="2 4")
    axis = f"mean IoU of {base.name}"
    chart = Chart(Axis(axis, min=0, max=1), Axis("mean IoU of the other runs", min=0, max=1), [*series, equal])
    return [chart.block("Mean IoU per image", note=f"Above the line, a run beats {base.name} on that image.")]


def _curves(runs: Sequence[FinishedRun]) -> list[Block]:
    blocks = []
    for column, title in CURVES.items():
        series = [
            Series(run.name, [row["epoch"] for row in run.rows], [row.get(column, math.nan) for row in run.rows])
            for run in runs
        ]
        chart = Chart(Axis("epoch", whole=True), curve_axis(title, series), series)
        blocks.append(chart.block(title, width="half"))
    return blocks


def _repeating(runs: Sequence[FinishedRun], command: str) -> list[Block]:
    typed = "\n".join(str(run.environment.get("command", f"{run.name}: not recorded")) for run in runs)
    settings = {run.name: {**flatten(run.config), "output_dir": ""} for run in runs}
    count = number(len(runs[0].keys), ",d")
    blocks = [
        code("Command", command),
        code("Commands of the runs", typed),
        table("Data", ["images", "count", "fingerprint"], [["test", count, fingerprint(runs[0])]]),
    ]
    for title, told in (
        ("Versions and machines that differ", {run.name: machine(run.environment) for run in runs}),
        ("Settings that differ", settings),
    ):
        if lines := _differing(told):
            blocks.append(table(title, ["setting", *told], lines))
    return blocks


def _differing(told: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """One row for each setting in which the runs differ."""
    things = dict.fromkeys(thing for one in told.values() for thing in one)
    lines = [[thing, *(_said(one.get(thing)) for one in told.values())] for thing in things]
    return [line for line in lines if len(set(line[1:])) > 1]


def _said(value: Any) -> str:
    """A setting as it is typed; a dash for none."""
    return "-" if value in (None, [], ()) else as_typed(value)


def _count(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"
