"""Finished runs beside each other: one table, the differences with their intervals, and the same images by each."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from common.engine.device import find_device
from common.figures import save_figure, save_picture
from common.files import make_folder, write_json
from common.metrics import PER_CLASS
from common.report.selection import evenly
from common.rows import markdown_table, write_csv
from common.run.next_step import command_line, last_lines, predict_with
from common.run.notes import external_labels
from common.say import say
from common.terminal import spinner
from common.words import counted
from transfer.compare.config import CompareOptions
from transfer.compare.figures import bars, masks_of_all, radar, training_curves
from transfer.compare.finished_run import FinishedRun, read_run, refuse_different_images, short_names, unequal
from transfer.compare.images import shown_images
from transfer.compare.page import lack_of, write_page

NAME = 24
"""Letters of a run's name in the table of a terminal, at most."""
METRICS = ("mean_iou", "mean_foreground_dice", "pixel_accuracy")
"""The metrics whose differences are compared."""
MEANS = {
    "mean_iou": "mean IoU",
    "mean_foreground_dice": "foreground Dice",
    "pixel_accuracy": "accuracy",
    "mean_dice": "mean Dice",
    "mean_precision": "mean precision",
    "mean_recall": "mean recall",
}


class Comparison:
    """Some runs on the same test images."""

    def __init__(self, options: CompareOptions) -> None:
        self.options, self.folder = options, options.output
        names = short_names(options.runs)
        self.runs = [read_run(folder, name) for folder, name in zip(options.runs, names, strict=True)]
        refuse_different_images(self.runs)

    def write(self) -> None:
        """Write comparison.md, .csv and .json, and the figures; print the table."""
        rows = [comparison_row(run) for run in self.runs]
        differences = [
            {"run": ours.name, "against": theirs.name, "metric": metric, **_difference(ours, theirs, metric)}
            for theirs, ours in combinations(self.runs, 2)
            for metric in METRICS
        ]
        device = find_device(self.options.device)
        with spinner("reading the networks"):
            shown = shown_images(self.runs, device)
        chosen = evenly(len(shown.runs[0].keys), self.options.visualize_samples)
        masks = masks_of_all(shown.networks, chosen, device=device)
        make_folder(self.folder / "figures")
        write_json(self.folder / "comparison.json", {"runs": rows, "differences": differences})
        write_csv(self.folder / "comparison.csv", rows)
        alerts = unequal(self.runs, {name: net.architecture() for name, (net, _) in shown.networks.items()})
        alerts += [shown.left_out] if shown.left_out else []
        text = markdown(rows, differences, images=len(self.runs[0].keys), alerts=alerts)
        (self.folder / "comparison.md").write_text(text, encoding="utf-8")
        say(*terminal_lines(rows, differences, images=len(self.runs[0].keys), alerts=alerts))
        with spinner("drawing figures"):
            self._draw(rows)
        save_picture(masks, self.folder / "figures/masks.png")
        path = self.folder / "report.html"
        told = {"alerts": alerts, "command": self.command, "step": self.step}
        write_page(self.runs, shown, rows, differences, device=device, path=path, **told)
        last_lines(places={"tables and figures": self.folder, "report": path}, steps=[self.step])

    @property
    def command(self) -> str:
        """The command that repeats this comparison."""
        options = self.options
        settings = {name: getattr(options, name) for name in ("output", "visualize_samples", "device")}
        return command_line("transfer.compare", *options.runs, **settings)

    @property
    def step(self) -> str:
        """The command that predicts with the run that scores best."""
        best = max(self.runs, key=lambda run: np.nan_to_num(run.scores.mean_iou))
        return predict_with(best.folder)

    def _draw(self, rows: Sequence[dict[str, Any]]) -> None:
        figures, names = self.folder / "figures", [run.name for run in self.runs]
        shown = MEANS if self.runs[0].scores.background is not None else {**MEANS, "mean_foreground_dice": ""}
        values = {title: [row[metric] for row in rows] for metric, title in shown.items() if title}
        values |= {f"IoU {name}": [row[f"iou_{name}"] for row in rows] for name in self.runs[0].scores.names}
        save_figure(bars(values, names), figures / "bars.png")
        save_figure(radar(values, names), figures / "radar.png")
        save_figure(training_curves({run.name: run.rows for run in self.runs}), figures / "curves.png")


def comparison_row(run: FinishedRun) -> dict[str, Any]:
    """All that the table says of a run."""
    scores, sure = run.scores, run.scores.interval("mean_iou")
    per_class = {
        f"{metric}_{name}": _number(value)
        for metric in PER_CLASS
        for name, value in zip(scores.names, scores.per_class[metric], strict=True)
    }
    return {
        "run": run.name,
        "encoder": run.receipt.source,
        "labels_elsewhere": external_labels(run.receipt),
        "decoder": run.decoder,
        "label_fraction": run.config.labels.label_fraction,
        "image_size": run.config.data.image_size,
        **{metric: _number(scores.means[metric]) for metric in MEANS},
        "mean_iou_low": _number(sure.low),
        "mean_iou_high": _number(sure.high),
        **per_class,
        "parameters": run.receipt.parameters,
        "trained_parameters": run.receipt.trained_parameters,
        "epochs": len(run.rows),
        "train_seconds": run.resources.train_seconds,
        "peak_memory_mib": run.resources.peak_gpu_memory_mib or run.resources.peak_memory_mib,
        "device": run.resources.device,
    }


def terminal_lines(
    rows: Sequence[dict[str, Any]], differences: Sequence[dict[str, Any]], *, images: int, alerts: Sequence[str] = ()
) -> Iterator[str]:
    """The scores and the differences in lines of 80 letters; comparison.md has every column."""
    width = min(max(3, *(len(row["run"]) for row in rows)), NAME)
    yield from (lack_of(images), *alerts, "")
    yield f"{'run':{width}}  mean IoU  95 % interval     Dice    accuracy  minutes"
    for row in rows:
        ends = f"{_show(row['mean_iou_low'])} to {_show(row['mean_iou_high'])}"
        dice, accuracy = (_show(row[name]) for name in METRICS[1:])
        minutes = _show(None if row["train_seconds"] is None else row["train_seconds"] / 60, ".1f")
        scored = f"{_show(row['mean_iou']):8}  {ends:16}  {dice:6}  {accuracy:8}  {minutes:>7}"
        yield f"{_fitted(row['run']):{width}}  {scored}"
    yield ""
    yield _caption(images)
    yield from _difference_lines(differences)
    yield ""


def _fitted(name: str) -> str:
    """A name in a column of the terminal: of a long one the end, where names differ."""
    return name if len(name) <= NAME else f"...{name[3 - NAME :]}"


def _caption(images: int) -> str:
    return f"{counted(images, 'test image')}. Differences of mean IoU, with paired 95 % intervals over the images:"


def _difference_lines(differences: Sequence[dict[str, Any]]) -> Iterator[str]:
    for pair in (pair for pair in differences if pair["metric"] == "mean_iou"):
        value, low, high = (_show(pair[name], "+.4f") for name in ("difference", "low", "high"))
        yield f"- {pair['run']} against {pair['against']}: {value} ({low} to {high})"


def markdown(
    rows: Sequence[dict[str, Any]], differences: Sequence[dict[str, Any]], *, images: int, alerts: Sequence[str] = ()
) -> str:
    """The table and the differences for people."""
    classes = [name.removeprefix("iou_") for name in rows[0] if name.startswith("iou_")]
    heads = ["run", "encoder", "external labels", "pixels", "mean IoU (95 %)", "Dice", "accuracy"]
    heads += [f"IoU {name}" for name in classes]
    heads += ["parameters trained / all", "minutes", "MiB"]
    cells = []
    for row in rows:
        scored = [f"{_show(row['mean_iou'])} ({_show(row['mean_iou_low'])} to {_show(row['mean_iou_high'])})"]
        scored += [_show(row[name]) for name in METRICS[1:]] + [_show(row[f"iou_{name}"]) for name in classes]
        seconds, memory = row["train_seconds"], row["peak_memory_mib"]
        cost = [
            f"{_show(row['trained_parameters'], ',')} / {row['parameters']:,}",
            _show(None if seconds is None else seconds / 60, ".1f"),
            _show(memory, ".0f"),
        ]
        cells.append([row["run"], row["encoder"], row["labels_elsewhere"], str(row["image_size"]), *scored, *cost])
    lines = [lack_of(images), *alerts, "", *markdown_table(heads, cells), "", _caption(images), ""]
    return "\n".join([*lines, *_difference_lines(differences)]) + "\n"


def _difference(ours: FinishedRun, theirs: FinishedRun, metric: str) -> dict[str, Any]:
    difference = ours.scores.difference(theirs.scores, metric)
    value, low, high = map(_number, difference.interval)
    return {"difference": value, "low": low, "high": high, "verdict": difference.verdict}


def _show(value: float | None, form: str = ".4f") -> str:
    return "-" if value is None else f"{value:{form}}"


def _number(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)
