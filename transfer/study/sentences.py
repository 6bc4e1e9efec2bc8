"""The sentences of a study, for its table and its page."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from common.intervals import HELPED, LEAST_SEEDS, Difference, too_few
from common.run.next_step import command_line, typed_flags
from common.words import counted
from transfer.study.config import StudyConfig, StudyOptions
from transfer.study.initialisations import Initialisation, own_baseline
from transfer.study.results import DoubleBudget, Results, Score, labels_needed

Curves = Mapping[Initialisation, Sequence[Score]]
"""The scores of every initialisation, from few labels to many."""


def verdict(start: Initialisation, baseline: Initialisation, curve: Sequence[Score]) -> str:
    """The verdict on a pretrained initialisation in one sentence, with its numbers."""
    told = {score.masks: score.difference for score in curve if score.difference is not None}
    return f"{start.name} against {baseline.name}: {_answers(told)}."


def head_to_head(ours: str, theirs: str, differences: Mapping[str, Difference]) -> str:
    """The comparison of two pretrained initialisations in one sentence; differences by number of masks."""
    return f"{ours} against {theirs}: {_answers(differences)}."


def _answers(differences: Mapping[str, Difference]) -> str:
    """What is said of the differences at all numbers of masks, equal verdicts together."""
    parts = []
    for word in dict.fromkeys(found.verdict for found in differences.values()):
        at = [f"{count} ({told_interval(d)})" for count, d in differences.items() if d.verdict == word]
        parts.append(f"{word} with {_joined(at)} masks")
    return "; ".join(parts) or "not yet known"


def too_little(evidence: Results) -> str:
    """What there is too little of for any verdict, at the share of the labels with the least; "" if there is enough."""
    differences = [score.difference for score in evidence.scores if score.difference is not None]
    counted = [(found.images, found.seeds) for found in differences]
    counted = counted or [(int(score.images["test"]), len(score.seeds)) for score in evidence.scores]
    if not counted:
        return ""
    images, seeds = map(min, zip(*counted, strict=True))
    return too_few(images=images, seeds=seeds)


def other_baselines(starts: Sequence[Initialisation]) -> list[str]:
    """What is said before the trainings of starts whose baseline is not their own network from scratch."""
    lacking: dict[str, list[str]] = {}
    for start in starts:
        if own := own_baseline(start, starts):
            lacking.setdefault(own, []).append(start.name)
    return [
        f"{_joined(names)} {'has' if len(names) == 1 else 'have'} no baseline of the same network: "
        f"name {own} among the --initialisations for one"
        for own, names in lacking.items()
    ]


def told_interval(difference: Difference) -> str:
    """A difference with its interval: "+0.076, +0.054 to +0.098"."""
    if np.isnan(difference.low):
        return f"{difference.value:+.3f}, no interval"
    return f"{difference.value:+.3f}, {difference.low:+.3f} to {difference.high:+.3f}"


def labels_saved(start: Initialisation, baseline: Initialisation, curves: Curves) -> list[str]:
    """For every share of the labels at which a pretrained start helped: the fewest labels with which the
    baseline scores as it does there, and with which the pretrained one does.
    """
    told = []
    better = {score.fraction for score in curves[start] if score.answer == HELPED}
    for score in (score for score in curves[baseline] if score.fraction in better):
        theirs, _ = labels_needed(curves[baseline], score.mean_iou.value)
        ours, how = labels_needed(curves[start], score.mean_iou.value)
        saved = f": {theirs - ours:.0f} saved" if how != "more than" and ours < theirs else ""
        reached = f"{baseline.name} reaches {score.mean_iou.value:.3f} with {counted(round(theirs), 'label')}"
        told.append(f"{reached}, {start.name} with {how} {ours:.0f}{saved}")
    return told


def legend(evidence: Results, config: StudyConfig) -> str:
    """Explain the figures of the table."""
    counts = sorted({len(score.seeds) for score in evidence.scores}) or [0]
    seeds = counted(counts[0], "seed") if len(counts) == 1 else f"{counts[0]} to {counted(counts[-1], 'seed')}"
    tests = counted(round(evidence.scores[0].images["test"]) if evidence.scores else 0, "test image")
    return (
        f"Mean IoU on {tests}, each evaluated once per run: mean over {seeds}, 95 % interval "
        "over seeds and images. Then follow the difference from the baseline and the verdict by its paired interval. "
        f"Masks are counted for training + validation. {_folded(config.data.folds)}"
        f"Every run takes {counted(config.updates, 'update')}. {_photographs(evidence)}{searched(config.study)}"
    )


def _photographs(evidence: Results) -> str:
    """Which rows learn from photographs, of how many, and by how many passes of them through networks."""
    told = {s.start.name: s.record for s in evidence.scores if s.start.pool}
    if not told:
        return ""
    first = next(iter(told.values()))
    return (
        f"{_joined(list(told))} also {'learns' if len(told) == 1 else 'learn'} from "
        f"{counted(first['photographs'], 'photograph')} without masks: an update sees {first['photographs_an_update']} "
        "of them, by the network and by its teacher. "
    )


def _folded(folds: int | None) -> str:
    if folds is None:
        return ""
    return (
        f"Each image was tested once, by one of {counted(folds, 'training')} of equal seed. These share training "
        "images: intervals are of the way of training. Where rates were searched, it was on the first fold. "
    )


def next_command(evidence: Results, config: StudyConfig) -> str:
    """The command that continues: the study where seeds are too few so far, else a training from the best start."""
    if not evidence.scores or (too_little(evidence) and len(evidence.scores[0].seeds) < LEAST_SEEDS):
        seeds = LEAST_SEEDS if config.study.seeds < LEAST_SEEDS else None
        return command_line("transfer.study", resume=True, output_dir=config.folder, seeds=seeds)
    most = max(score.fraction for score in evidence.scores)
    best = max((s for s in evidence.scores if s.fraction == most), key=lambda score: score.mean_iou.value)
    lr, factor = best.rates
    plan = config.trained(best.start, lr, None if best.start.scratch else factor)
    plan = replace(plan, data=replace(plan.data, folds=None))
    flags = {"data_dir": "IMAGES_AND_MASKS", **typed_flags(plan)}
    return command_line("transfer.main", **flags, output_dir="runs/best")


def searched(options: StudyOptions) -> str:
    """Explain how the rates were chosen."""
    scratch, pretrained = len(options.lrs), len(options.lrs) * len(options.encoder_lr_factors)
    if pretrained == 1:
        return "The rates were given, the same for every initialisation (from scratch the encoder lr factor is 1)."
    where = "all validation images" if options.full_validation else "as large a share of the validation images"
    share = options.search_fraction or 1.0
    trials = counted(scratch, "trial") if scratch > 1 else "none (one rate was given)"
    return (
        f"Rates were chosen for each initialisation by runs on the share {share:.3g} of the labels, "
        f"scored on {where}. Trials: {pretrained} for a pretrained one, {trials} from scratch, where the "
        "encoder lr factor is 1. Smaller shares of the labels use rates chosen on those labels."
    )


def doubled_budget(doubled: DoubleBudget) -> str:
    """Say whether the baseline had enough updates, where there are enough images and seeds to say so."""
    answer = "the budget is sufficient" if doubled.enough else "the budget IS TOO SHORT"
    if doubled.enough and doubled.gain.verdict == HELPED:
        answer += " by that measure, though more updates would help"
    lack = too_few(images=doubled.gain.images, seeds=doubled.gain.seeds)
    return (
        f"Twice the updates change the mean IoU of {doubled.start} on the most labels by "
        f"{told_interval(doubled.gain)}; its seeds spread over {doubled.spread:.3f}: {lack or answer}."
    )


def rates_at_the_edge(options: StudyOptions, curves: Curves) -> str | None:
    """Name the initialisations whose best rate is the lowest or highest that was tried; None without any."""
    ends = (min(options.lrs), max(options.lrs))
    edge = [start.name for start, curve in curves.items() if curve and curve[0].rates[0] in ends]
    if len(options.lrs) < 3 or not edge:
        return None
    return f"The best rate is the lowest or highest of those tried for {', '.join(edge)}: extend --lrs."


def _joined(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
