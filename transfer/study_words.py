"""What a study says in words, for its table and its page."""

from collections.abc import Mapping, Sequence
from typing import Any

from common.intervals import Interval
from transfer.evidence import Evidence, Score, labels_needed
from transfer.study_config import Start, StudyOptions

Curves = Mapping[Start, Sequence[Score]]
"""The scores of every start, from few labels to many."""
ANSWERS = {"helped": "helped at", "did not": "did harm at", "cannot tell": "cannot tell at"}


def verdict(start: Start, baseline: Start, curve: Sequence[Score]) -> str:
    """The answer for a pretrained start in one sentence, with its numbers."""
    told = [score for score in curve if score.difference is not None]
    parts = []
    for answer, words in ANSWERS.items():
        at = [f"{s.fraction:.3g} ({told_interval(s.difference)})" for s in told if s.difference and s.answer == answer]
        if at:
            parts.append(f"{words} {_joined(at)}")
    return f"{start.name} against {baseline.name}: {'; '.join(parts) or 'not yet known'}."


def told_interval(difference: Interval) -> str:
    """A difference with its interval: "+0.076, +0.054 to +0.098"."""
    return f"{difference.value:+.3f}, {difference.low:+.3f} to {difference.high:+.3f}"


def labels_saved(start: Start, baseline: Start, curves: Curves) -> list[str]:
    """For every point of the baseline, with how many labels a pretrained start does as well."""
    if not curves[start]:
        return []
    told = []
    for score in curves[baseline]:
        labels, how = labels_needed(curves[start], score.mean_iou.value)
        words = f"{baseline.name} reaches {score.mean_iou.value:.3f} with {score.labels:.0f} labels, {start.name} with "
        saved = f": {score.labels - labels:.0f} saved" if how != "more than" and labels < score.labels else ""
        told.append(f"{words}{how} {labels:.0f}{saved}")
    return told


def legend(evidence: Evidence, options: StudyOptions) -> str:
    """How the figures of the table came about."""
    seeds = max((len(score.seeds) for score in evidence.scores), default=0)
    tests = f"{evidence.scores[0].images['test']:.0f}" if evidence.scores else "no"
    return (
        f"Mean IoU on {tests} test images, each looked at once a training: mean over {seeds} seeds (95 % interval, "
        f"Student's t), the difference from the baseline, and the answer of its paired interval over seeds and images. "
        f"Images are those for training + for validation. {options.updates} updates for all; rates chosen on the "
        f"validation images of fraction {options.search_fraction:g}, among {len(options.lrs)} rates and "
        f"{len(options.encoder_lr_factors)} factors (from scratch the factor is 1)."
    )


def doubled_budget(gain: Interval, spread: float, enough: bool) -> str:
    """Whether the baseline got enough updates, from `evidence.doubling`."""
    return (
        f"Twice the updates give scratch on the most labels {gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f}) "
        f"mean IoU; its seeds spread over {spread:.3f}: the budget {'is long enough' if enough else 'STARVES IT'}."
    )


def labels_elsewhere(record: Mapping[str, Any]) -> str:
    """Whose labels helped a pretraining, by the record of a cell."""
    found = ["ImageNet"] * record["uses_imagenet_labels"] + ["a probe's"] * record["uses_labels"]
    return " and ".join(found) or "none"


def rates_at_the_edge(options: StudyOptions, curves: Curves) -> str | None:
    """A sentence on starts whose best rate is the lowest or highest that was tried; None where there are none."""
    ends = (min(options.lrs), max(options.lrs))
    edge = [start.name for start, curve in curves.items() if curve and curve[0].rates[0] in ends]
    if len(options.lrs) < 3 or not edge:
        return None
    return f"The best rate lies at the end of what was tried for {', '.join(edge)}: --lrs could reach further."


def _joined(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
