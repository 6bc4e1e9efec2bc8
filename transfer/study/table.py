"""The files of a study: verdict, table, curves, and every trial as a line of a CSV."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from common.colours import line_colour
from common.figures import in_legend, save_figure
from common.files import make_folder, write_json
from common.intervals import Difference, Interval
from common.rows import markdown_table, write_csv
from common.run.notes import external_labels
from transfer.study.config import StudyConfig
from transfer.study.initialisations import Initialisation
from transfer.study.results import Results, Score, double_budget
from transfer.study.sentences import (
    doubled_budget,
    head_to_head,
    labels_saved,
    legend,
    rates_at_the_edge,
    too_little,
    verdict,
)

STYLES = ("-", "--", ":", "-.")
MARKERS = "osD^vP*X"
ACROSS = 4
"""Classes beside each other in their figure: one of all in a row may be wider than a picture can be."""


def write_study(evidence: Results, config: StudyConfig) -> None:
    """Write study.md, .csv and .json and the figures into the study's folder."""
    folder, scores = config.folder, evidence.scores
    text = "\n".join(_lines(evidence, config, _table(evidence.curves)))
    (folder / "study.md").write_text(f"{text}\n", encoding="utf-8")
    write_csv(folder / "study.csv", [_flat(result.record) for result in evidence.results.values()])
    rivals = [
        {"start": ours.name, "against": theirs.name, "fraction": fraction, "difference": _finite(difference)}
        for (ours, theirs), differences in evidence.head_to_head.items()
        for fraction, difference in differences.items()
    ]
    told = {"leaks": evidence.leaks, "scores": [_plain(score) for score in scores], "rivals": rivals}
    write_json(folder / "study.json", told)
    if scores:
        figures = make_folder(folder / "figures")
        save_figure(efficiency(scores), figures / "label_efficiency.png", dpi=130)
        save_figure(per_class(scores), figures / "per_class.png", dpi=130)


def terminal_lines(evidence: Results, config: StudyConfig) -> list[str]:
    """What study.md says, with a table for terminals: a line for each initialisation and number of masks."""
    scores = evidence.scores
    name = max(map(len, ("initialisation", *(score.name for score in scores))))
    masks = max(map(len, ("masks", *(score.masks for score in scores))))
    table = [f"{'initialisation':{name}}  {'masks':{masks}}  mean IoU  95 % interval   difference"]
    for score in scores:
        mean, low, high = score.mean_iou
        ends = "" if np.isnan(low) else f"{low:.3f} to {high:.3f}"
        gap = "" if score.difference is None else f"{score.difference.value:+.3f}"
        table.append(f"{score.name:{name}}  {score.masks:{masks}}  {mean:<8.3f}  {ends:14}  {gap}".rstrip())
    return _lines(evidence, config, table)


def efficiency(scores: Sequence[Score]) -> Figure:
    """Test mean IoU over the labels, one curve per initialisation, with its 95 % interval as a band."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    _curves(figure.subplots(), scores, [score.mean_iou for score in scores], "test mean IoU")
    return figure


def per_class(scores: Sequence[Score]) -> Figure:
    """The same for the IoU of every class."""
    names = list(scores[0].per_class)
    across, down = min(len(names), ACROSS), -(-len(names) // ACROSS)
    figure = Figure(figsize=(5 * across, 4.2 * down), layout="constrained")
    for place, name in enumerate(names, start=1):
        axes = figure.add_subplot(down, across, place)
        _curves(axes, scores, [score.per_class[name] for score in scores], f"test IoU of {name}")
    return figure


def _curves(axes: Axes, scores: Sequence[Score], values: Sequence[Interval], title: str) -> None:
    starts = list(dict.fromkeys(score.start.name for score in scores))
    for index, start in enumerate(starts):
        points = [(score.labels, v) for score, v in zip(scores, values, strict=True) if score.start.name == start]
        labels, colour = [n for n, _ in points], line_colour(index) / 255
        style = {"linestyle": STYLES[index // 7 % 4], "marker": MARKERS[index % len(MARKERS)], "markersize": 5}
        axes.plot(labels, [value.value for _, value in points], color=colour, label=in_legend(start), **style)
        axes.fill_between(labels, [v.low for _, v in points], [v.high for _, v in points], color=colour, alpha=0.12)
    axes.set_xscale("log")
    ticks = sorted({score.labels for score in scores})
    axes.set_xticks(ticks, [f"{tick:.0f}" for tick in ticks])
    axes.minorticks_off()
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, 0), min(high, 1))
    axes.set_xlabel("labelled images (training and validation)")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")


def _lines(evidence: Results, config: StudyConfig, table: Sequence[str]) -> list[str]:
    curves = evidence.curves
    lines = [line for line in (too_little(evidence), *evidence.unequal, *evidence.leaks) if line] + [""]
    lines += [f"- {verdict(start, baseline, curves[start])}" for start, baseline in evidence.pairs]
    if evidence.head_to_head:
        lines += ["", "Pretrained initialisations against each other, paired as above:", ""]
        lines += [f"- {head_to_head(pair[0].name, evidence.rival(*pair), d)}" for pair, d in evidence.rivals.items()]
    lines += ["", *table, "", legend(evidence, config), ""]
    lines += [f"{name} diverged and is left out" for name in evidence.diverged]
    lines += [f"- {saved}" for pair in evidence.pairs for saved in labels_saved(*pair, curves)]
    if (found := double_budget(evidence.results)) is not None:
        lines += ["", doubled_budget(found)]
    if (edge := rates_at_the_edge(config.study, curves)) is not None:
        lines += ["", edge]
    return lines


def _table(curves: dict[Initialisation, list[Score]]) -> list[str]:
    fractions = sorted({score.fraction for curve in curves.values() for score in curve})
    images = {score.fraction: score.masks for curve in curves.values() for score in curve}
    heads = ["initialisation", "external labels", "lr, encoder lr factor"]
    heads += [f"{images[fraction]} masks" for fraction in fractions]
    rows = []
    for curve in filter(None, curves.values()):
        by_fraction = {score.fraction: score for score in curve}
        cells = [_cell(by_fraction.get(fraction)) for fraction in fractions]
        rates = "{:g}, {:g}".format(*curve[0].rates)
        rows.append([curve[0].name, external_labels(curve[0]), rates, *cells])
    return markdown_table(heads, rows)


def _cell(score: Score | None) -> str:
    if score is None:
        return "-"
    value, low, high = score.mean_iou
    told = f"{value:.3f}" if np.isnan(low) else f"{value:.3f} ({low:.3f} to {high:.3f})"
    return told + ("" if score.difference is None else f" {score.difference.value:+.3f}, {score.answer}")


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    test = record.get("test") or {}
    ious = {f"iou_{name}": scores["iou"] for name, scores in test.get("per_class", {}).items()}
    plain = {name: value for name, value in record.items() if name not in ("test", "images", "classes")}
    sizes = {f"{part}_images": count for part, count in record["images"].items()}
    return {**plain, **sizes, "test_mean_iou": test.get("mean_iou"), **ious}


def _plain(score: Score) -> dict[str, Any]:
    difference = score.difference and {**_finite(score.difference), "answer": score.answer}
    return {
        "start": score.start.name,
        "fraction": score.fraction,
        "seeds": list(score.seeds),
        "images": score.images,
        "mean_iou": _finite(score.mean_iou),
        "per_class": {name: _finite(value) for name, value in score.per_class.items()},
        "difference": difference,
        "lr": score.rates[0],
        "encoder_lr_factor": score.rates[1],
        "uses_imagenet_labels": score.uses_imagenet_labels,
        "uses_labels": score.uses_labels,
        "taught_by": score.taught_by,
    }


def _finite(value: Interval | Difference) -> dict[str, float | None]:
    return {name: None if np.isnan(number) else number for name, number in value._asdict().items()}
