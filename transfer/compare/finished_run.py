"""What a run of phase 2 left in its folder, read back for comparing it with others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from common.config.groups import TrainingConfig
from common.config.load import read_yaml, unflatten
from common.engine.budget import updates_of
from common.errors import UserError
from common.rows import Row, read_rows
from common.run.checkpoint import SegmentationHandover, load_handover
from common.run.claim import REPEAT
from common.run.cross_validation import refuse_cross_validation
from common.run.notes import stopped_early
from common.run.plain_data import Count, from_json
from common.run.records import Environment, Receipt
from common.run.resources import Resources, read_resources
from common.words import counted
from transfer.config import TransferConfig
from transfer.metrics.scores import Scores
from transfer.receipt import read_receipt
from transfer.scoring import IMAGES_FILE, read_images


@dataclass(frozen=True)
class Tested:
    """The scores of the test images, as in metrics.json."""

    per_class: Annotated[dict[str, Any], Field(min_length=1)]
    """By the names of the classes."""


@dataclass(frozen=True)
class Ended:
    """How a training ended, as in metrics.json."""

    epochs: Annotated[int, Field(ge=1)]
    best_epoch: Count
    test: Tested
    warnings: list[str]
    images: dict[str, int] = field(default_factory=dict)
    """Of each part; not in older runs."""
    background: str | None = ""
    """The name of that class, None where there is none; "" in older runs, where it is the first."""


@dataclass(frozen=True)
class FinishedRun:
    """What a run of phase 2 left in its folder."""

    name: str
    folder: Path
    keys: tuple[str, ...]
    digests: tuple[str, ...]
    scores: Scores
    """Of its test images, in the order of `keys`."""
    receipt: Receipt
    resources: Resources
    rows: list[Row]
    config: TransferConfig
    """The settings as they were typed, but for the fit, which is the one that the training took."""
    plan: TrainingConfig
    """The length that the training settled on."""
    updates: int
    """Of the whole training, if it was not stopped."""
    masks: int
    """Training images, all of which have masks; 0 where the network is gone, whose file counts them."""
    environment: Environment
    ended: Ended
    warnings: list[str]
    """What its page warned of, and how its training ended where that matters."""

    @property
    def decoder(self) -> str:
        """The name of its decoder, or where it came from with the encoder."""
        return self.config.decoder.decoder if self.config.encoder.init_from is None else "of the earlier run"


def read_run(folder: Path, name: str) -> FinishedRun:
    """Read a run's records. Raises UserError for a folder without a finished run, of several, or with other records."""
    refuse_cross_validation(folder, compared=True)
    files = (folder / IMAGES_FILE, folder / "evaluation-test" / IMAGES_FILE)
    file = next((file for file in files if file.exists()), None)
    if not (folder / "metrics.json").exists() or not (folder / "receipt.json").exists():
        raise UserError(f"{folder} holds no finished run of transfer.main: it has no metrics.json and receipt.json")
    if file is None:
        raise UserError(
            f"{folder} has no {IMAGES_FILE}: run python -m transfer.evaluate --model_path {folder} to make it"
        )
    images, ended = read_images(file), from_json(Ended, folder / "metrics.json")
    names = tuple(ended.test.per_class)
    if len(names) != images.counts.shape[1]:
        known = counted(images.counts.shape[1], "class")
        raise UserError(f"{file} counts {known}, {folder}/metrics.json names {len(names)}")
    config = unflatten(TransferConfig, read_yaml(folder / "config.yaml"), source=folder / "config.yaml")
    rows = read_rows(folder / "metrics.csv")
    network = folder / "best.pth"
    handover = load_handover(network, kind="segmentation") if network.exists() else None
    plan, updates = _length(folder, config.training, handover)
    if handover is not None:
        config = replace(config, data=replace(config.data, **handover.input.fitting.settings))
    return FinishedRun(
        name=name,
        folder=folder,
        keys=images.keys,
        digests=images.digests,
        scores=Scores(images.counts, names, _background(ended.background, names, folder)),
        receipt=read_receipt(folder / "receipt.json"),
        resources=read_resources(folder),
        rows=rows,
        config=config,
        plan=plan,
        updates=updates,
        masks=0 if handover is None else len(handover.provenance.train_images),
        environment=_record(Environment, folder / "environment.json") or {},
        ended=ended,
        warnings=[*ended.warnings, *stopped_early(plan, rows, ended.best_epoch)],
    )


def short_names(folders: Sequence[Path]) -> list[str]:
    """The folders' own names; with as many of their parents as are needed to tell them apart."""
    parts = [folder.resolve().parts for folder in folders]
    for depth in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-depth:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    raise UserError("a run is named twice: give each folder once")


def refuse_different_images(runs: Sequence[FinishedRun]) -> None:
    """Raise UserError unless all runs were scored on the same files, in the same order, for the same classes."""
    first, *others = runs
    for other in others:
        if other.scores.names != first.scores.names:
            raise UserError(
                f"{first.name} and {other.name} tell different classes apart: {', '.join(first.scores.names)}; "
                f"{', '.join(other.scores.names)}: compare runs on the same data with the same --classes"
            )
        if other.scores.background != first.scores.background:
            raise UserError(
                f"{first.name} and {other.name} take different classes for the background: compare runs whose "
                "--classes name the same one"
            )
        if other.digests != first.digests:
            alike = len(set(first.digests) & set(other.digests))
            raise UserError(
                f"{first.name} and {other.name} were tested on different images ({len(first.keys)} and "
                f"{len(other.keys)}, {alike} of them the same): compare runs on the same data and --split_seed"
            )


def _background(word: str | None, names: tuple[str, ...], folder: Path) -> int | None:
    if word and word not in names:
        raise UserError(f"{folder}/metrics.json says that the background is {word}, which is none of its classes")
    return names.index(word) if word else None if word is None else 0


SAME_PACE = 1.1
"""By how much the updates of runs of equal minutes may differ where these are called equal budgets."""


def unequal(runs: Sequence[FinishedRun], networks: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Alerts where runs differ in network, budget, masks or size, which is then part of their difference.

    `networks`: the architecture of each run's network by the run's name.
    """
    first, *others = runs
    told = []
    if any(networks[other.name] != networks[first.name] for other in others):
        sizes = ", ".join(f"{run.name} {run.receipt.parameters:,} parameters" for run in runs)
        told.append(f"UNEQUAL NETWORKS: {sizes}")
    same = _in_equal_minutes(runs)
    budgets = [_budget(run)[same:] for run in runs]
    unlike = [k for k, words in enumerate(zip(*budgets, strict=True)) if len(set(words)) > 1]
    if unlike:
        pairs = zip(runs, budgets, strict=True)
        each = "; ".join(f"{run.name} {', '.join(budget[k] for k in unlike)}" for run, budget in pairs)
        told.append(f"UNEQUAL BUDGETS: {each}")
    sizes = [_scored_at(run) for run in runs]
    if len(set(sizes)) > 1:
        each = "; ".join(f"{run.name} {size}" for run, size in zip(runs, sizes, strict=True))
        told.append(f"UNEQUAL SIZES: masks were scored at {each}; transfer.evaluate --original_size scores all at one")
    elif unlike := _unlike_masks(runs):
        images = counted(len(first.keys), "test image")
        told.append(f"UNEQUAL MASKS: runs were scored by different masks of {unlike:,} of {images}")
    return told


def _unlike_masks(runs: Sequence[FinishedRun]) -> int:
    """How many test images do not have the same number of pixels of each class in the masks of all runs."""
    first, *others = (run.scores.counts.sum(2) for run in runs)
    return int(np.any([(pixels != first).any(1) for pixels in others], axis=0).sum())


def _scored_at(run: FinishedRun) -> str:
    """The size of the test masks, in words."""
    data = run.config.data
    if data.fit == "crop":
        return "their own size" if data.scale_to is None else f"--scale_to {data.scale_to}"
    return f"{data.image_size} x {data.image_size} pixels (--fit {data.fit})"


def _budget(run: FinishedRun) -> list[str]:
    """What a training was given, in words, its updates first."""
    plan = run.plan
    batch = f"batches of {plan.batch_size}" + (f" x {plan.accumulate}" if plan.accumulate > 1 else "")
    masks, more = counted(run.masks, "mask"), counted(run.ended.images.get("val", 0), "mask") + " for validation"
    pool = run.config.pool
    photographs = "no photograph" if pool.unlabelled_dir is None else counted(pool.pool_batch_size, "photograph")
    return [counted(run.updates, "update"), batch, f"patience {plan.patience}", masks, more, f"{photographs} an update"]


def _in_equal_minutes(runs: Sequence[FinishedRun]) -> bool:
    """Whether all runs took as many updates as fit into equal minutes, and these are about as many."""
    minutes = {run.plan.minutes if not run.plan.updates else 0.0 for run in runs}
    counts = [run.updates for run in runs]
    return len(minutes) == 1 and minutes != {0.0} and max(counts) <= SAME_PACE * min(counts)


def _length(folder: Path, typed: TrainingConfig, handover: SegmentationHandover | None) -> tuple[TrainingConfig, int]:
    """What a run settled on, as its network and repeat.yaml record it; without these what was typed."""
    plan, images, repeated = typed, 1, folder / REPEAT
    if handover is not None:
        origin = handover.provenance
        plan = unflatten(TransferConfig, origin.config, source=folder / "best.pth").training
        images = max(len(origin.train_images), 1)
    if repeated.exists():
        done = unflatten(TransferConfig, read_yaml(repeated), source=repeated).training
        return replace(plan, updates=(), epochs=done.epochs), updates_of(done, images)
    return plan, updates_of(plan, images)


def _record(kind: Any, path: Path) -> Any:
    return from_json(kind, path) if path.exists() else None
