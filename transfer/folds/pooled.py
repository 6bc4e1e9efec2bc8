"""The folds of a cross-validation, and the scores of all their test images together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.config.load import as_typed
from common.errors import UserError, abbreviate
from common.intervals import LEAST_IMAGES, too_few
from common.run.claim import AFTER_DIVERGENCE, read_marker
from common.words import counted
from transfer.compare.finished_run import FinishedRun, read_run
from transfer.metrics.scores import Scores
from transfer.report.headline import constant_guess, score_warnings

SHARED = (
    "Folds share training images: the interval says how well such a training does on other images of this kind, "
    "and not how well any one of the networks does."
)


@dataclass(frozen=True, eq=False)
class Pooled:
    """Finished trainings, each tested on images that no other one was tested on."""

    runs: tuple[FinishedRun, ...]
    scores: Scores
    """Of the test images of all folds, one fold after the other."""

    @property
    def keys(self) -> list[str]:
        """The names of all images, in the order of the scores."""
        return [key for run in self.runs for key in run.keys]

    @property
    def middle(self) -> FinishedRun:
        """The training whose score is the middle one, or the lower of two."""
        return sorted(self.runs, key=lambda run: np.nan_to_num(run.scores.mean_iou))[(len(self.runs) - 1) // 2]

    @property
    def guess(self) -> str:
        """What the best constant answer scores on all images, in a sentence."""
        return constant_guess(self.scores.total.sum(1), self.scores.names)

    @property
    def unlike(self) -> dict[str, list[str]]:
        """The rates that folds do not share, since one that diverged went on with others: by name those of each."""
        plans = [run.config.training for run in self.runs]
        rates = {name: [as_typed(getattr(plan, name)) for plan in plans] for name in sorted(AFTER_DIVERGENCE)}
        return {name: each for name, each in rates.items() if len(set(each)) > 1}

    @property
    def warnings(self) -> list[str]:
        """What to know before the scores, then what single folds warned of, but for what holds of all together."""
        warnings, whose = score_warnings(self.scores), dict[str, list[str]]()
        for name, each in self.unlike.items():
            rates = ", ".join(f"{run.name} {rate}" for run, rate in zip(self.runs, each, strict=True))
            warnings.append(f"UNEQUAL TRAININGS: folds differ in --{name} ({rates})")
        for run in self.runs:
            marker = read_marker(run.folder, phase="transfer")
            for warning in (*run.warnings, *(marker.changes if marker is not None else ())):
                whose.setdefault(warning, []).append(run.name.removeprefix("fold "))
        told = {*warnings, *(too_few(images=count) for count in range(LEAST_IMAGES))}
        own = [f"fold {', '.join(folds)}: {warning}" for warning, folds in whose.items() if warning not in told]
        return [*warnings, *own]


def read_pooled(folders: Sequence[Path]) -> Pooled:
    """Read the folds in these folders. Raises UserError as `read_run`, and where an image was tested twice."""
    runs = tuple(read_run(folder, folder.name.replace("_", " ")) for folder in folders)
    keys = [key for run in runs for key in run.keys]
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise UserError(f"{folders[0].parent} tests images in several folds: {abbreviate(twice)}; use a new folder")
    counts, first = np.concatenate([run.scores.counts for run in runs]), runs[0].scores
    return Pooled(runs, Scores(counts, first.names, first.background))


def verdict(pooled: Pooled) -> str:
    """The score of all images together in a sentence."""
    value, low, high = pooled.scores.interval("mean_iou")
    images = counted(len(pooled.scores), "image")
    folds = f"each tested once, by one of {counted(len(pooled.runs), 'network')} that did not see it"
    return f"Mean IoU {value:.3f} on {images}, {folds} (95 % interval {low:.3f} to {high:.3f})."
