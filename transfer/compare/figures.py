"""Figures of several runs: bars, radar, curves, and their predictions on the same images."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from common.colours import line_colour
from common.data.batches import read_batch
from common.data.pack import LabelledPack
from common.figures import grid, in_legend, to_bytes
from common.metrics import classes_of
from common.rows import Row
from transfer.colours import paint
from transfer.model import SegmentationNet

STYLES = ("-", "--", ":", "-.")


def bars(values: Mapping[str, Sequence[float | None]], runs: Sequence[str]) -> Figure:
    """A group of bars for each score, one bar a run, its value written above; a score that a run lacks has none."""
    figure = Figure(figsize=(max(6.0, 0.34 * len(values) * (len(runs) + 1)), 4.2), layout="constrained")
    axes, width = figure.subplots(), 0.8 / len(runs)
    for index, run in enumerate(runs):
        heights = _column(values, index)
        places = np.arange(len(values)) + (index - (len(runs) - 1) / 2) * width
        drawn = axes.bar(
            places, heights, width, label=in_legend(run), color=_colour(index), hatch="//" if index >= 7 else None
        )
        axes.bar_label(
            drawn, ["" if math.isnan(h) else f"{h:.2f}" for h in heights], fontsize=7, rotation=90, padding=2
        )
    axes.set_xticks(range(len(values)), list(values), rotation=20, ha="right")
    axes.set_ylim(0, 1.12)
    axes.grid(axis="y", alpha=0.3)
    _legend_below(figure, axes, len(runs))
    return figure


def radar(values: Mapping[str, Sequence[float | None]], runs: Sequence[str]) -> Figure:
    """One polygon a run over an axis for each score, from 0 in the middle to 1."""
    figure = Figure(figsize=(6, 6.2), layout="constrained")
    axes = figure.add_subplot(projection="polar")
    angles = np.linspace(0, 2 * np.pi, len(values), endpoint=False)
    for index, run in enumerate(runs):
        scores = _column(values, index)
        closed = np.append(angles, angles[0]), np.append(scores, scores[0])
        axes.plot(*closed, color=_colour(index), linestyle=STYLES[index // 7 % 4], label=run)
        axes.fill(*closed, color=_colour(index), alpha=0.08)
    axes.set_xticks(angles, list(values))
    axes.tick_params(axis="x", pad=14)
    axes.set_ylim(0, 1)
    _legend_below(figure, axes, len(runs))
    return figure


def training_curves(runs: Mapping[str, Sequence[Row]]) -> Figure:
    """Training loss, validation loss and validation mean IoU of all runs over the epochs."""
    names = {"train/loss": "training loss", "val/loss": "validation loss", "val/mean_iou": "validation mean IoU"}
    figure = Figure(figsize=(15, 4.2), layout="constrained")
    panels = figure.subplots(1, len(names))
    for axes, (column, title) in zip(panels, names.items(), strict=True):
        for index, (run, rows) in enumerate(runs.items()):
            style = {"color": _colour(index), "linestyle": STYLES[index // 7 % 4]}
            marker = "." if len(rows) < 30 else ""
            axes.plot(
                [r["epoch"] for r in rows],
                [r.get(column, math.nan) for r in rows],
                label=in_legend(run),
                marker=marker,
                **style,
            )
        axes.set_title(title)
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
    _legend_below(figure, panels[0], len(runs))
    return figure


@torch.no_grad()
def masks_of_all(
    networks: Mapping[str, tuple[SegmentationNet, LabelledPack]], chosen: Sequence[int], *, device: torch.device
) -> UInt8[np.ndarray, "h w 3"]:
    """A row for each chosen image: image, truth, and the mask of every network, each at its own resolution."""
    columns: dict[str, UInt8[np.ndarray, "n h w 3"]] = {}
    captions: list[str] = []
    for run, (net, pack) in networks.items():
        batch = read_batch(pack, np.asarray(chosen), device)
        if not columns:
            columns = {"image": to_bytes(batch.image), "truth": paint(batch.mask.cpu())}
            captions = [pack.keys[index] for index in chosen]
        columns[run] = paint(classes_of(net(batch.image)).cpu())
    return grid(columns, captions=captions)


def _column(values: Mapping[str, Sequence[float | None]], run: int) -> Float[np.ndarray, " m"]:
    """The scores of one run; NaN where it has none."""
    return np.array([math.nan if scores[run] is None else scores[run] for scores in values.values()], dtype=float)


def _colour(index: int) -> np.ndarray:
    return line_colour(index) / 255


def _legend_below(figure: Figure, axes: Axes, runs: int) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(runs, 4), fontsize="small")
