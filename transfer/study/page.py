"""The page of a study: the gain by pretraining at each number of labels, with intervals."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from common.config.load import flatten
from common.data.pack import Pack
from common.intervals import NO_DIFFERENCE, Difference, Interval
from common.report.blocks import Axis, Chart, Series, TableCell, interval_position, number, table, text
from common.report.page import Block, NothingToShowError, Notice, Page, Tile, noted
from common.report.provenance import repeating
from common.run.environment import environment
from common.run.notes import data_name, external_labels
from common.words import counted
from transfer.study.config import StudyConfig
from transfer.study.initialisations import Initialisation
from transfer.study.results import Results, Score, double_budget
from transfer.study.sentences import (
    doubled_budget,
    labels_saved,
    legend,
    next_command,
    rates_at_the_edge,
    searched,
    told_interval,
    too_little,
    verdict,
)

LABELS = Axis("labelled images (training and validation)", log=True)
DASHES = (None, "6 3", "2 3", "8 3 2 3")


def write_page(evidence: Results, config: StudyConfig, test: Pack) -> Path:
    """Write report.html into the study's folder; returns where it is. `test` are the images it was scored on."""
    page = Page(
        title="Does pretraining help?",
        kicker=f"recon2seg · study on {data_name(config.data)} · {counted(len(test), 'test image')}",
        verdict=_answer(evidence),
        tiles=[_tile(curve[0]) for curve in evidence.curves.values() if curve],
        notices=_notices(evidence, config),
        next=[next_command(evidence, config)],
    )
    page.add("Score against labels", lambda: _efficiency(evidence), legend(evidence, config))
    page.add("Differences from scratch", lambda: _differences(evidence), _PAIRED)
    if evidence.head_to_head:
        page.add("Pretrained initialisations against each other", lambda: [_head_to_head(evidence)], _PAIRED_TOO)
    page.add("Every class", lambda: _classes(evidence))
    page.add("Labels saved", lambda: _saved(evidence))
    if any(cell.kind == "search" for cell in evidence.results):  # else the legend says that they were given
        page.add("Search for learning rates", lambda: [_search(evidence)], searched(config.study))
    page.add("How to repeat it", lambda: repeating(environment(), flatten(config), {"test": test}))
    path = config.folder / "report.html"
    page.write(path)
    return path


_PAIRED = (
    "Differences are paired: an initialisation and its baseline share subsets, seeds and test images. Intervals "
    "are over seeds and images. An initialisation helped or harmed if its interval leaves 0 out; it made no difference "
    f"that shows if the interval lies between -{NO_DIFFERENCE:g} and +{NO_DIFFERENCE:g}."
)


_PAIRED_TOO = (
    "Mean IoU of the first minus that of the second, paired as above. Another network is part of the difference."
)


def _answer(evidence: Results) -> str:
    """The verdict on the initialisation with the largest mean gain, over the shares at which all are scored."""
    gains = {
        pair: {s.fraction: s.difference.value for s in evidence.curves[pair[0]] if s.difference is not None}
        for pair in evidence.pairs
    }
    gains = {pair: by_fraction for pair, by_fraction in gains.items() if by_fraction}
    if not gains:
        return "Not yet known: no pretrained initialisation has been scored with its baseline."
    shared = set.intersection(*(set(one) for one in gains.values()))
    mean = {pair: np.mean([v for f, v in one.items() if f in shared or not shared]) for pair, one in gains.items()}
    best = max(mean, key=lambda pair: mean[pair])
    many = f"Best of {len(gains)} pretrained initialisations: " if len(gains) > 1 else ""
    return many + verdict(*best, evidence.curves[best[0]])


def _tile(score: Score) -> Tile:
    value, low, high = score.mean_iou
    alone = "from scratch" if score.start.scratch else "no baseline"
    gain = alone if score.difference is None else told_interval(score.difference)
    return Tile(
        score.start.name, f"{value:.3f}", f"with {score.masks} masks: {gain}", interval_position(value, low, high)
    )


def _notices(evidence: Results, config: StudyConfig) -> list[Notice]:
    notices = [Notice(alert) for alert in (too_little(evidence), *evidence.unequal) if alert]
    notices += map(noted, evidence.leaks)
    if (doubled := double_budget(evidence.results)) is not None:
        notices.append(Notice(doubled_budget(doubled), "note" if doubled.enough else "warning"))
    if (edge := rates_at_the_edge(config.study, evidence.curves)) is not None:
        notices.append(Notice(edge))
    notices += [Notice(f"{name} diverged and is left out") for name in evidence.diverged]
    taught = [start.name for start, curve in evidence.curves.items() if curve and _taught_by_imagenet(curve)]
    if taught:
        notices.append(Notice(f"ImageNet labels were used by {', '.join(taught)}", "note"))
    return notices


def _taught_by_imagenet(curve: Sequence[Score]) -> bool:
    return curve[0].uses_imagenet_labels


def _efficiency(evidence: Results) -> list[Block]:
    chart = _chart(evidence, lambda score: score.mean_iou, "test mean IoU")
    heads = [
        "initialisation",
        "external labels",
        "masks",
        "mean IoU",
        "95 % interval",
        "seeds",
        "lr",
        "encoder lr factor",
    ]
    rows = [
        [
            score.name,
            external_labels(score),
            score.masks,
            number(score.mean_iou.value, ".4f", interval=interval_position(*score.mean_iou)),
            _ends(score.mean_iou, ".3f"),
            number(len(score.seeds), "d"),
            number(score.rates[0], "g"),
            number(score.rates[1], "g"),
        ]
        for score in evidence.scores
    ]
    return [chart.block("Label efficiency", note="Bands: 95 %, over seeds and images."), table("Scores", heads, rows)]


def _differences(evidence: Results) -> list[Block]:
    pairs = [(score, score.difference) for score in evidence.scores if score.difference is not None]
    if not pairs:
        raise NothingToShowError("no pretrained initialisation has been scored with its baseline")
    reach = _reach([found for _, found in pairs])
    rows = [
        [
            score.start.name,
            score.masks,
            *_difference(found, reach),
            found.verdict,
        ]
        for score, found in pairs
    ]
    heads = ["initialisation", "masks", "difference", "95 % interval", "verdict"]
    words = [verdict(*pair, evidence.curves[pair[0]]) for pair in evidence.pairs]
    title = "gain in mean IoU over the baseline"
    chart = _chart(evidence, lambda score: score.difference and score.difference.interval, title, least=None)
    labels = [score.labels for score in evidence.scores]
    equal = Series("no difference", [min(labels), max(labels)], [0, 0], colour="ink", dash="2 4")
    gain = replace(chart, series=[*chart.series, equal]).block("Gain", note="Bands: 95 %, over seeds and images.")
    return [text(*words), gain, table("Paired differences", heads, rows)]


def _head_to_head(evidence: Results) -> Block:
    reach = _reach([found for differences in evidence.head_to_head.values() for found in differences.values()])
    rows = [
        [ours.name, evidence.rival(ours, theirs), masks, *_difference(found, reach), found.verdict]
        for (ours, theirs), differences in evidence.rivals.items()
        for masks, found in differences.items()
    ]
    heads = ["initialisation", "against", "masks", "difference", "95 % interval", "verdict"]
    return table("Paired differences between pretrained initialisations", heads, rows)


def _reach(found: Sequence[Difference]) -> float:
    """How far a scale goes either way that holds all of these differences."""
    ends = [abs(end) for one in found for end in (one.low, one.high) if math.isfinite(end)]
    return max(ends, default=1.0) * 1.05 or 1.0


def _difference(found: Difference, reach: float) -> list[TableCell | str]:
    interval = interval_position(*found.interval, start=-reach, end=reach, zero=0.0)
    return [number(found.value, "+.4f", interval=interval), _ends(found, "+.4f")]


def _classes(evidence: Results) -> list[Block]:
    classes = evidence.scores[0].per_class if evidence.scores else ()
    names = [name for name in classes if any(math.isfinite(score.per_class[name].value) for score in evidence.scores)]
    charts = {name: _chart(evidence, lambda s, name=name: s.per_class[name], "test IoU") for name in names}
    return [chart.block(name, width="half") for name, chart in charts.items()]


def _ends(found: Interval | Difference, form: str) -> str:
    return "-" if math.isnan(found.low) else f"{found.low:{form}} to {found.high:{form}}"


def _saved(evidence: Results) -> list[Block]:
    saved = [text(*told) for pair in evidence.pairs if (told := labels_saved(*pair, evidence.curves))]
    return saved or [text("No saving is known: no pretrained initialisation helped.")]


def _search(evidence: Results) -> Block:
    tried = [(cell, result.record) for cell, result in evidence.results.items() if cell.kind == "search"]
    scores = [math.nan if record["val_mean_iou"] is None else record["val_mean_iou"] for _, record in tried]
    rows = [
        [cell.start.name, number(cell.lr, "g"), number(cell.encoder_lr_factor, "g"), number(score, ".4f")]
        for (cell, _), score in zip(tried, scores, strict=True)
    ]
    return table("Learning rates tried", ["initialisation", "lr", "encoder lr factor", "validation mean IoU"], rows)


def _chart(
    evidence: Results, value: Callable[[Score], Interval | None], title: str, *, least: float | None = 0
) -> Chart:
    """A line for each initialisation over the number of labels; `least` is where the scale of the values begins."""
    drawn = [(index, start, curve) for index, (start, curve) in enumerate(evidence.curves.items()) if curve]
    lines = [_line(start, curve, value, dash=DASHES[index // 7 % len(DASHES)]) for index, start, curve in drawn]
    ticks = sorted({score.labels for score in evidence.scores})
    return Chart(replace(LABELS, ticks=ticks), Axis(title, min=least), lines)


def _line(
    start: Initialisation, curve: Sequence[Score], value: Callable[[Score], Interval | None], *, dash: str | None
) -> Series:
    none = Interval(math.nan, math.nan, math.nan)
    found = [value(score) or none for score in curve]
    middle, low, high = ([one[end] for one in found] for end in range(3))
    return Series(start.name, [score.labels for score in curve], middle, low, high, dash=dash)
