"""A study on paper: the verdict, the table, the curves, and every cell as a line of a CSV."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from common.figures import PALETTE
from common.intervals import Interval
from common.run import make_folder, write_json
from common.tables import markdown_table, write_csv
from transfer.campaign import Campaign
from transfer.evidence import Score, baseline_of, doubling, labels_needed, scores_of, verdict
from transfer.study_config import Start

STYLES = ("-", "--", ":", "-.")
MARKERS = "osD^vP*X"


def write_study(campaign: Campaign, leaks: Sequence[str]) -> str:
    """Write study.md, .csv and .json and the figures; return study.md. `leaks` are sentences for its top."""
    results, folder = campaign.results(), campaign.folder
    scores = scores_of(results, campaign.starts)
    text = _markdown(campaign, scores, leaks)
    (folder / "study.md").write_text(text, encoding="utf-8")
    write_csv(folder / "study.csv", [_flat(result.record) for result in results.values()])
    write_json(folder / "study.json", {"leaks": list(leaks), "scores": [_plain(score) for score in scores]})
    if scores:
        figures = make_folder(folder / "figures")
        efficiency(scores).savefig(figures / "label_efficiency.png", dpi=130)
        per_class(scores).savefig(figures / "per_class.png", dpi=130)
    return text


def efficiency(scores: Sequence[Score]) -> Figure:
    """Test mean IoU over the labels, a curve a start, with the 95 % interval of its seeds as a band."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    _curves(figure.subplots(), scores, [score.mean_iou for score in scores], "test mean IoU")
    return figure


def per_class(scores: Sequence[Score]) -> Figure:
    """The same for the IoU of every class."""
    names = list(scores[0].per_class)
    figure = Figure(figsize=(5 * len(names), 4.2), layout="constrained")
    for axes, name in zip(np.atleast_1d(figure.subplots(1, len(names))), names, strict=True):
        _curves(axes, scores, [score.per_class[name] for score in scores], f"test IoU of {name}")
    return figure


def _curves(axes: Axes, scores: Sequence[Score], values: Sequence[Interval], title: str) -> None:
    starts = list(dict.fromkeys(score.start.name for score in scores))
    for index, start in enumerate(starts):
        points = [(score.labels, v) for score, v in zip(scores, values, strict=True) if score.start.name == start]
        labels, colour = [n for n, _ in points], PALETTE[1 + index % (len(PALETTE) - 1)] / 255
        style = {"linestyle": STYLES[index // 7 % 4], "marker": MARKERS[index % len(MARKERS)], "markersize": 5}
        axes.plot(labels, [value.value for _, value in points], color=colour, label=start, **style)
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


def _markdown(campaign: Campaign, scores: Sequence[Score], leaks: Sequence[str]) -> str:
    starts, results = campaign.starts, campaign.results()
    curves = {start: [score for score in scores if score.start == start] for start in starts}
    lines = [*leaks, ""]
    pairs = [(start, baseline_of(start, starts)) for start in starts]
    lines += [f"- {verdict(start, other, curves[start])}" for start, other in pairs if other is not None]
    lines += ["", *_table(curves), "", _legend(campaign, scores), ""]
    for start, other in pairs:
        if other is not None:
            lines += [f"- {saved}" for saved in _saved(start, curves[start], other, curves[other])]
    if (found := doubling(results)) is not None:
        lines += ["", _doubled(*found)]
    return "\n".join([*lines, *_edges(campaign, curves)]) + "\n"


def _doubled(gain: Interval, spread: float, enough: bool) -> str:
    return (
        f"Twice the updates give scratch on the most labels {gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f}) "
        f"mean IoU; its seeds spread over {spread:.3f}: the budget {'is long enough' if enough else 'STARVES IT'}."
    )


def _table(curves: dict[Start, list[Score]]) -> list[str]:
    fractions = sorted({score.fraction for curve in curves.values() for score in curve})
    images = {score.fraction: score.images for curve in curves.values() for score in curve}
    heads = ["start", "labels elsewhere", "lr, encoder's factor"]
    heads += [f"{f:.3g}: {images[f]['train']:.0f} + {images[f]['val']:.0f} images" for f in fractions]
    rows = []
    for start, curve in ((start, curve) for start, curve in curves.items() if curve):
        by_fraction = {score.fraction: score for score in curve}
        cells = [_cell(by_fraction.get(fraction)) for fraction in fractions]
        rates = "{:g}, {:g}".format(*curve[0].rates)
        rows.append([start.name, _labels_elsewhere(curve[0].record), rates, *cells])
    return markdown_table(heads, rows)


def _cell(score: Score | None) -> str:
    if score is None:
        return "-"
    value, low, high = score.mean_iou
    told = f"{value:.3f} ({low:.3f} to {high:.3f})" if len(score.seeds) > 1 else f"{value:.3f}"
    return told + ("" if score.difference is None else f" {score.difference.value:+.3f}, {score.answer}")


def _legend(campaign: Campaign, scores: Sequence[Score]) -> str:
    options = campaign.config.study
    seeds = max((len(score.seeds) for score in scores), default=0)
    tests = f"{scores[0].images['test']:.0f}" if scores else "no"
    return (
        f"Mean IoU on {tests} test images, each looked at once a training: mean over {seeds} seeds (95 % interval, "
        f"Student's t), the difference from the baseline, and the answer of its paired interval over seeds and images. "
        f"Images are those for training + for validation. {options.updates} updates for all; rates chosen on the "
        f"validation images of fraction {options.search_fraction:g}, among {len(options.lrs)} rates and "
        f"{len(options.encoder_lr_factors)} factors (from scratch the factor is 1)."
    )


def _labels_elsewhere(record: dict[str, Any]) -> str:
    found = ["ImageNet"] * record["uses_imagenet_labels"] + ["a probe's"] * record["uses_labels"]
    return " and ".join(found) or "none"


def _saved(start: Start, curve: list[Score], other: Start, theirs: list[Score]) -> list[str]:
    if not curve:
        return []
    told = []
    for score in theirs:
        labels, how = labels_needed(curve, score.mean_iou.value)
        words = f"{other.name} reaches {score.mean_iou.value:.3f} with {score.labels:.0f} labels, {start.name} with "
        saved = f": {score.labels - labels:.0f} saved" if how != "more than" and labels < score.labels else ""
        told.append(f"{words}{how} {labels:.0f}{saved}")
    return told


def _edges(campaign: Campaign, curves: dict[Start, list[Score]]) -> list[str]:
    lrs = campaign.config.study.lrs
    edge = [start.name for start, curve in curves.items() if curve and curve[0].rates[0] in (min(lrs), max(lrs))]
    if len(lrs) < 3 or not edge:
        return []
    return ["", f"The best rate lies at the end of what was tried for {', '.join(edge)}: --lrs could reach further."]


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    test = record.get("test") or {}
    ious = {f"iou_{name}": scores["iou"] for name, scores in test.get("per_class", {}).items()}
    plain = {name: value for name, value in record.items() if name not in ("test", "images", "classes")}
    sizes = {f"{part}_images": count for part, count in record["images"].items()}
    return {**plain, **sizes, "test_mean_iou": test.get("mean_iou"), **ious}


def _plain(score: Score) -> dict[str, Any]:
    difference = score.difference and {**score.difference._asdict(), "answer": score.answer}
    return {
        "start": score.start.name,
        "fraction": score.fraction,
        "seeds": list(score.seeds),
        "images": score.images,
        "mean_iou": score.mean_iou._asdict(),
        "per_class": {name: _finite(value) for name, value in score.per_class.items()},
        "difference": difference,
        "lr": score.rates[0],
        "encoder_lr_factor": score.rates[1],
        "uses_imagenet_labels": score.record["uses_imagenet_labels"],
        "uses_labels": score.record["uses_labels"],
    }


def _finite(value: Interval) -> dict[str, float | None]:
    return {name: None if np.isnan(number) else number for name, number in value._asdict().items()}
