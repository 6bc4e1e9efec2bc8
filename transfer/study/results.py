"""Scores, paired differences and label savings from the finished trials of a study."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int64

from common.intervals import UNCLEAR, Difference, Interval
from transfer.metrics.jackknife import seeds_difference, seeds_score
from transfer.study.initialisations import Initialisation, baseline_of
from transfer.study.trials import RecordedLabels, Trial, TrialResult

METRIC = "mean_iou"


@dataclass(frozen=True)
class Score(RecordedLabels):
    """The score of an initialisation at a share of the labels."""

    start: Initialisation
    fraction: float
    seeds: tuple[int, ...]
    images: dict[str, float]
    """Labelled images of each part, in mean over the seeds."""
    mean_iou: Interval
    """Over seeds and test images; of one seed without ends."""
    per_class: dict[str, Interval]
    difference: Difference | None
    """Paired, over seeds and test images, from its baseline; None for a baseline, or where that is not there."""
    other_network: bool
    """Whether its baseline has another encoder or decoder, which then contributes to the difference."""
    rates: tuple[float, float]
    record: dict[str, Any]
    """The record of its first trial."""

    @property
    def name(self) -> str:
        """Its initialisation, with what --transfer auto took of a file."""
        taken = self.record.get("taken") if self.start.transfer == "auto" else None
        return f"{self.start.name} ({taken})" if taken else self.start.name

    @property
    def labels(self) -> float:
        """Labelled images, those for validation too."""
        return self.images["train"] + self.images["val"]

    @property
    def masks(self) -> str:
        """Labelled images in words, those for training + those for validation."""
        return f"{self.images['train']:.0f} + {self.images['val']:.0f}"

    @property
    def answer(self) -> str:
        """The verdict on its difference; cannot tell without one."""
        return UNCLEAR if self.difference is None else self.difference.verdict


@dataclass(frozen=True)
class Results:
    """The finished trials of a study and its initialisations."""

    starts: tuple[Initialisation, ...]
    results: Mapping[Trial, TrialResult]
    leaks: tuple[str, ...]
    """Sentences on pretrainings that saw test images, or did not."""

    @cached_property
    def scores(self) -> list["Score"]:
        """Every initialisation at every share of the labels."""
        return scores_of(self.results, self.starts)

    @cached_property
    def curves(self) -> dict[Initialisation, list["Score"]]:
        """The scores of every initialisation, from few labels to many."""
        return {start: [score for score in self.scores if score.start == start] for start in self.starts}

    @property
    def rivals(self) -> dict[tuple[Initialisation, Initialisation], dict[str, Difference]]:
        """`head_to_head` by the number of masks in words."""
        pairs = self.head_to_head.items()
        return {pair: {self.masks[fraction]: found for fraction, found in told.items()} for pair, told in pairs}

    @property
    def masks(self) -> dict[float, str]:
        """The masks at every share of the labels, in words: those for training + those for validation."""
        return {score.fraction: score.masks for score in self.scores}

    @property
    def unequal(self) -> list[str]:
        """Alerts: initialisations that are set against another network than their own, or learnt from others."""
        pairs = [(start, other) for start, other in self.pairs if any(s.other_network for s in self.curves[start])]
        told = [
            f"UNEQUAL NETWORKS: {start.name} and {other.name} differ in network too: that is part of the difference"
            for start, other in pairs
        ]
        pools = {result.record["photographs_digest"] for t, result in self.results.items() if t.start.pool}
        if len(pools) > 1:
            told.append("UNEQUAL PHOTOGRAPHS: those of --unlabelled_dir changed while the study went on")
        return told

    @property
    def diverged(self) -> list[str]:
        """The trials that have no test score, because their training diverged."""
        trials = self.results.items()
        return [trial.name for trial, result in trials if trial.kind != "search" and result.record["test"] is None]

    @property
    def pairs(self) -> list[tuple[Initialisation, Initialisation]]:
        """Every initialisation that has a baseline, with it."""
        pairs = [(start, baseline_of(start, self.starts)) for start in self.starts]
        return [(start, baseline) for start, baseline in pairs if baseline is not None]

    def rival(self, ours: Initialisation, theirs: Initialisation) -> str:
        """The second's name, and that it has another network, if so: that is then part of their difference."""
        networks = {str(_network(score.record)) for start in (ours, theirs) for score in self.curves[start]}
        return theirs.name + (" (another network)" if len(networks) > 1 else "")

    @cached_property
    def head_to_head(self) -> dict[tuple[Initialisation, Initialisation], dict[float, Difference]]:
        """Paired differences of every two pretrained initialisations, where both are; those with photographs first."""
        groups = _by_fraction(self.results)
        found: dict[tuple[Initialisation, Initialisation], dict[float, Difference]] = {}
        pretrained = [start for start in self.starts if not start.scratch]
        for ours, theirs in combinations(sorted(pretrained, key=lambda start: not start.pool), 2):
            fractions = sorted(f for name, f in groups if name == ours.name and (theirs.name, f) in groups)
            pairs = {f: _difference(groups[ours.name, f], groups[theirs.name, f]) for f in fractions}
            found[ours, theirs] = {fraction: pair for fraction, pair in pairs.items() if pair is not None}
        return {pair: differences for pair, differences in found.items() if differences}


def scores_of(results: Mapping[Trial, TrialResult], starts: Sequence[Initialisation]) -> list[Score]:
    """The scores of all starts at all fractions that have any, in the order of `starts`."""
    groups, rows = _by_fraction(results), []
    for start in starts:
        for fraction in sorted({fraction for name, fraction in groups if name == start.name}):
            ours, baseline = groups[start.name, fraction], baseline_of(start, starts)
            theirs = groups.get((baseline.name, fraction), {}) if baseline else {}
            rows.append(_score(start, fraction, ours, theirs))
    return rows


def _by_fraction(results: Mapping[Trial, TrialResult]) -> dict[tuple[str, float], dict[int, TrialResult]]:
    """The scored trials by the name of their start and their share of the labels, then by seed."""
    groups: dict[tuple[str, float], dict[int, TrialResult]] = {}
    for trial, result in results.items():
        if trial.kind == "score" and result.record["test"] is not None:
            groups.setdefault((trial.start.name, trial.fraction), {})[trial.seed] = result
    return groups


def _difference(ours: Mapping[int, TrialResult], theirs: Mapping[int, TrialResult]) -> Difference | None:
    """Over the seeds that both have; None where there are none."""
    better, worse = _counts(ours), _counts(theirs)
    if not (both := sorted(better.keys() & worse.keys())):
        return None
    first, second = (np.stack([counts[seed] for seed in both]) for counts in (better, worse))
    return seeds_difference(first, second, METRIC)


def _score(
    start: Initialisation, fraction: float, ours: Mapping[int, TrialResult], theirs: Mapping[int, TrialResult]
) -> Score:
    tests = [result.record["test"] for result in ours.values()]
    first = next(iter(ours.values())).record
    sizes = [result.record["images"] for result in ours.values()]
    baseline = next(iter(theirs.values())).record if theirs else None
    by_class = [[test["per_class"][name]["iou"] for test in tests] for name in first["classes"]]
    (mean_iou,), per_class = _scores(ours, METRIC, [[test[METRIC] for test in tests]]), _scores(ours, "iou", by_class)
    return Score(
        start=start,
        fraction=fraction,
        seeds=tuple(ours),
        images={part: float(np.mean([size[part] for size in sizes])) for part in sizes[0]},
        mean_iou=mean_iou,
        per_class=dict(zip(first["classes"], per_class, strict=True)),
        difference=_difference(ours, theirs),
        other_network=baseline is not None and _network(baseline) != _network(first),
        rates=(first["lr"], first["encoder_lr_factor"]),
        record=first,
    )


def _network(record: Mapping[str, Any]) -> tuple[Any, Any]:
    """What a trial trained; older ones say nothing of the decoder."""
    return record["encoder"], record.get("decoder")


def labels_needed(curve: Sequence[Score], wanted: float) -> tuple[float, str]:
    """The number of labels with which an initialisation reaches a score, interpolated on its curve.

    The curve is made monotone (its best so far) and is straight over the logarithm of the labels. The word beside the
    number is "about", "at most" (its fewest labels do) or "more than" (its most do not).
    """
    points = sorted((score.labels, score.mean_iou.value) for score in curve)
    labels, best = np.array([n for n, _ in points]), np.maximum.accumulate([value for _, value in points])
    if best[0] >= wanted:
        return float(labels[0]), "at most"
    if best[-1] < wanted:
        return float(labels[-1]), "more than"
    after = int(np.argmax(best >= wanted))
    share = (wanted - best[after - 1]) / (best[after] - best[after - 1])
    return float(np.exp(np.interp(share, [0, 1], np.log(labels[after - 1 : after + 1])))), "about"


class DoubleBudget(NamedTuple):
    """The gain by twice the updates, on the most labels."""

    start: str
    gain: Difference
    """Of the mean IoU, paired over seeds and test images."""
    spread: float
    """The range of the seeds' scores at the plain budget."""

    @property
    def enough(self) -> bool:
        """Whether the plain budget is long enough: the gain is no more than the spread."""
        return self.gain.value <= self.spread


def double_budget(results: Mapping[Trial, TrialResult]) -> DoubleBudget | None:
    """The gain by twice the budget of the first baseline from scratch; None where it was not measured."""
    results = {trial: result for trial, result in results.items() if result.record.get("test") is not None}
    doubled = {trial: result for trial, result in results.items() if trial.kind == "double"}
    plain = {
        trial.seed: result
        for trial, result in results.items()
        if trial.kind == "score" and any(_same_but_budget(trial, other) for other in doubled)
    }
    gain = _difference({trial.seed: result for trial, result in doubled.items()}, plain)
    if gain is None or gain.seeds < 2:
        return None
    scores = [plain[trial.seed].record["test"][METRIC] for trial in doubled if trial.seed in plain]
    return DoubleBudget(next(iter(doubled)).start.name, gain, max(scores) - min(scores))


def _same_but_budget(trial: Trial, other: Trial) -> bool:
    return trial.start == other.start and trial.fraction == other.fraction and trial.seed == other.seed


def _counts(results: Mapping[int, TrialResult]) -> dict[int, Int64[np.ndarray, "n k k"]]:
    """The confusion matrices by seed, of the seeds that have them."""
    return {seed: result.counts for seed, result in results.items() if result.counts is not None}


def _scores(
    results: Mapping[int, TrialResult], metric: str, recorded: Sequence[Sequence[float | None]]
) -> list[Interval]:
    """A score with its interval, or that of each class; without ends where a seed's confusion matrices are lost."""
    if len(counts := _counts(results)) == len(results):
        return seeds_score(np.stack(list(counts.values())), metric)
    return [Interval(float(np.array(values, dtype=float).mean()), np.nan, np.nan) for values in recorded]
