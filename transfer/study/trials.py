"""One training of a study: what it is, how it is run, and what it leaves."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Int64

from common.data.load import LabelledSplits
from common.errors import DivergedError, UserError
from common.files import write_json
from common.run.checkpoint import handover_file
from common.run.claim import RunFolder
from common.run.plain_data import Count, Finite, from_dict
from transfer.config import TransferConfig
from transfer.phase import Transfer
from transfer.scoring import IMAGES_FILE, read_images
from transfer.study.config import StudyConfig
from transfer.study.initialisations import Initialisation

PROOF = "cell.json"
"""Written last: a trial that has it is finished."""
Kind = Literal["search", "score", "double"]
Ask = Callable[[], None]


@dataclass(frozen=True)
class Trial:
    """A training: to find the rates of a start, to score it, or to score it at twice the budget."""

    kind: Kind
    start: Initialisation
    fraction: float
    seed: int
    lr: float
    encoder_lr_factor: float
    fold: int = 0
    """Of --folds, from 1; 0 without them, and of all folds together."""

    @property
    def name(self) -> str:
        """The trial's folder."""
        rates = f"{self.lr:g}-{self.encoder_lr_factor:g}"
        fold = f"-fold_{self.fold}" if self.fold else ""
        return f"{self.kind}-{self.start.name}-{self.fraction:g}-{self.seed}-{rates}{fold}"

    def config(self, study: StudyConfig, folder: Path) -> TransferConfig:
        """The settings of transfer.main that train it."""
        base, times = study.trained(self.start, self.lr, self.encoder_lr_factor), 2 if self.kind == "double" else 1
        kept = 1.0 if study.study.full_validation else self.fraction
        return replace(
            base,
            data=replace(base.data, fold=self.fold or None),
            labels=replace(base.labels, label_fraction=self.fraction, val_fraction=kept),
            training=replace(base.training, epoch_updates=times * base.training.epoch_updates),
            run=replace(
                base.run,
                seed=self.seed,
                output_dir=folder,
                resume=False,
                overwrite=True,
                save_every=0,
                keep_checkpoints=1,
                report=False,
            ),
        )


@dataclass(frozen=True)
class TrialResult:
    """What a finished trial says."""

    record: dict[str, Any]
    counts: Int64[np.ndarray, "n k k"] | None
    """The confusion matrix of every test image; None where test images were not looked at."""


class RecordedLabels:
    """Whose labels helped, as the record of a trial says."""

    record: dict[str, Any]

    @property
    def uses_imagenet_labels(self) -> bool:
        """Whether its encoder used ImageNet labels."""
        return self.record["uses_imagenet_labels"]

    @property
    def uses_labels(self) -> bool:
        """Whether a linear probe's labels chose the epoch of its pretraining."""
        return self.record["uses_labels"]

    @property
    def unknown_labels(self) -> bool:
        """Whether weights of one's own helped, which do not say."""
        return self.record.get("unknown_labels", False)

    @property
    def earlier_masks(self) -> int:
        """Masks that its teacher was trained on: a study trains no network further."""
        return self.record.get("earlier_masks", 0)

    @property
    def taught_by(self) -> str:
        """The teachers of its pretraining; "" for none."""
        return self.record.get("taught_by", "")


@dataclass(frozen=True)
class Needed:
    """The entries of a trial's record that the rest of a study relies on."""

    kind: Kind
    file_digest: str | None
    transfer: str
    data: str
    val_mean_iou: Finite | None
    images: dict[Literal["train", "val", "test"], Count]
    uses_imagenet_labels: bool
    uses_labels: bool
    classes: list[str]
    encoder: dict[str, Any]
    seconds: Finite
    test: dict[str, Any] | None = None


class _Training(Transfer):
    """A training that asks before each epoch whether it goes on."""

    go_on: Ask

    def begin_epoch(self, epoch: int) -> None:
        self.go_on()
        super().begin_epoch(epoch)


def train_trial(trial: Trial, study: StudyConfig, folder: Path, *, data: str, go_on: Ask = lambda: None) -> None:
    """Train a trial in its folder, with what it says going to log.txt there. A search never sees a test image.

    One that diverges is finished, with no score. `data` is the fingerprint of the images, for the record. `go_on` is
    called before each epoch and before the trial counts as finished, and raises to stop it.
    """
    began, known = time.monotonic(), {**_identity(trial), "data": data}
    config = trial.config(study, folder)
    with _said_to(folder / "log.txt"), RunFolder("transfer", config) as held:
        phase = _Training(config, held)
        phase.go_on = go_on
        try:
            progress = phase.train()
        except DivergedError:
            progress = None
        if trial.kind == "search" or progress is None:
            phase.run.close()
        else:
            phase.report(progress)
    score = progress.best_score if progress is not None else None
    images = {"train": len(phase.train_pack), "val": len(phase.val_pack), "test": len(phase.data.test)}
    record = {
        **known,
        "val_mean_iou": score if score is not None and np.isfinite(score) else None,
        "images": images,
        "source": phase.receipt.source,
        "taken": phase.receipt.transfer,
        "uses_imagenet_labels": phase.receipt.uses_imagenet_labels,
        "uses_labels": phase.receipt.uses_labels,
        "unknown_labels": phase.receipt.unknown_labels,
        "earlier_masks": phase.receipt.earlier_masks,
        "taught_by": phase.receipt.taught_by,
        "classes": phase.names,
        "encoder": phase.net.encoder.architecture(),
        "decoder": phase.net.decoder.architecture(),
        **({} if phase.pool is None else phase.pool.record()),
        "seconds": round(time.monotonic() - began, 1),
    }
    if trial.kind != "search":
        scored = progress is not None
        record["test"] = json.loads((folder / "metrics.json").read_text())["test"] if scored else None
    _tidy(folder, keep=study.study.keep_best)
    go_on()
    write_json(folder / PROOF, record)


def read_trial(folder: Path) -> TrialResult | None:
    """What a trial has found; None while it is not finished, and where its records are damaged."""
    proof, images = folder / PROOF, folder / IMAGES_FILE
    try:
        record = json.loads(proof.read_text(encoding="utf-8"))
        needed = from_dict(Needed, record, source=proof)
        counts = read_images(images).counts if images.exists() else None
    except (OSError, ValueError, RecursionError, UserError):
        return None
    sides = (needed.images.get("test"), len(needed.classes), len(needed.classes))
    shape = None if counts is None else counts.shape
    return TrialResult(record, counts) if needed.test is None or shape == sides else None


def data_digest(data: LabelledSplits) -> str:
    """A fingerprint of all images, of their order, of the classes, and of how many pixels of them each image has."""
    digest = blake2b(repr(data.classes.names).encode(), digest_size=16)
    for pack in (data.train, data.val, data.test):
        digest.update(" ".join([*pack.digests, "|"]).encode() + np.ascontiguousarray(pack.class_pixels).tobytes())
    return digest.hexdigest()


def file_digest(start: Initialisation) -> str | None:
    """A fingerprint of the file that a start comes from. Raises UserError where there is none."""
    if start.file is None:
        return None
    path = handover_file(start.file)
    if not path.is_file():
        raise UserError(f"--initialisations {start.name}={start.file}: there is no file {path}")
    with path.open("rb") as file:
        digest = blake2b(digest_size=16)
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def shape(start: Initialisation) -> str | None:
    """What a start from scratch takes its network from: a file's digest, or an encoder's name; None if pretrained."""
    if not start.scratch:
        return None
    like = start.like
    return start.encoder if like is None or like.file is None else f"{file_digest(like)} {like.transfer}"


def _identity(trial: Trial) -> dict[str, Any]:
    return {
        "kind": trial.kind,
        "start": trial.start.name,
        "file_digest": file_digest(trial.start),
        "transfer": trial.start.transfer,
        "shape": shape(trial.start),
        "fraction": trial.fraction,
        "fold": trial.fold,
        "seed": trial.seed,
        "lr": trial.lr,
        "encoder_lr_factor": trial.encoder_lr_factor,
    }


def _tidy(folder: Path, *, keep: bool) -> None:
    """A study has hundreds of trials: what only a single run needs goes."""
    shutil.rmtree(folder / "tensorboard", ignore_errors=True)
    for name in ("last.pth",) if keep else ("last.pth", "best.pth"):
        (folder / name).unlink(missing_ok=True)


@contextmanager
def _said_to(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as log, redirect_stdout(log), redirect_stderr(log):
        yield
