"""The folds of a study's trainings, put together."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from transfer.metrics.scores import Scores
from transfer.study.trials import Trial, TrialResult


def pool_folds(results: Mapping[Trial, TrialResult], folds: int) -> dict[Trial, TrialResult]:
    """The folds of a training as one, where all are finished; what is no fold, and a search, as it is.

    The images are in the same order for every start, so that differences stay paired.
    """
    pooled: dict[Trial, TrialResult] = {}
    whole: dict[Trial, list[TrialResult]] = {}
    for trial, result in sorted(results.items(), key=lambda item: item[0].fold):
        if trial.fold and trial.kind != "search":
            whole.setdefault(replace(trial, fold=0), []).append(result)
        else:
            pooled[trial] = result
    return pooled | {trial: _together(parts) for trial, parts in whole.items() if len(parts) == folds}


def _together(parts: Sequence[TrialResult]) -> TrialResult:
    records, first = [part.record for part in parts], parts[0].record
    sizes = {part: [record["images"][part] for record in records] for part in ("train", "val", "test")}
    images = {"train": np.mean(sizes["train"]).item(), "val": np.mean(sizes["val"]).item(), "test": sum(sizes["test"])}
    counts = [part.counts for part in parts if part.counts is not None and part.record["test"] is not None]
    whole = np.concatenate(counts) if len(counts) == len(parts) else None
    test = None if whole is None else Scores(whole, tuple(first["classes"])).to_dict()
    seconds = sum(record["seconds"] for record in records)
    return TrialResult({**first, "fold": 0, "images": images, "test": test, "seconds": seconds}, whole)
