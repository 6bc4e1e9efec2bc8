"""The records of a run in its folder: settings, environment, measurements and pictures."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from common.config.groups import TrainingConfig
from common.config.load import flatten, save_config
from common.data.pack import Pack
from common.data.record import DataRecord, data_changes, data_record
from common.errors import DivergedError, UserError
from common.files import read_json, sha256_of, write_json
from common.ranks.join import agreed, refuse_other_data
from common.rows import write_csv
from common.run.bottleneck import bottleneck
from common.run.checkpoint import load_handover, save_handover
from common.run.claim import IMAGES, LOGGED, REPEAT, WEIGHTS, RunFolder
from common.run.clock import Clock, Spent
from common.run.environment import environment, peak_memory
from common.run.history import History
from common.run.loggers import LOGGERS, LabelledPoints, Logger, TensorBoard, refuse_missing
from common.run.plain_data import from_dict, to_dict
from common.run.resources import RESOURCES, Resources, read_resources
from common.run.state import State, TrainingStates
from common.say import note, say
from common.words import counted


@dataclass(frozen=True)
class Images:
    """What data.json holds: a digest of every image, by split and name."""

    train: dict[str, str]
    val: dict[str, str]
    test: dict[str, str]
    unlabelled: dict[str, str] = field(default_factory=dict)
    """Photographs from which phase 2 learns beside the masks."""


class Run:
    """What a run writes into the folder that it holds. Raises UserError where its logger is not installed."""

    def __init__(self, held: RunFolder, config: Any) -> None:
        refuse_missing(config.run.logger)
        self.held, self.config, self.folder = held, config, held.path
        self.loggers: list[Logger] = [TensorBoard(self.folder)] if held.leads else []
        self.states = TrainingStates(self.folder, config.run.keep_checkpoints)
        self.clock = Clock()
        self._began, self._before, self._kept = time.monotonic(), Resources(), 0

    @property
    def seconds(self) -> float:
        """Seconds since the command began, and of the training before it was resumed."""
        return (self._before.train_seconds or 0.0) + time.monotonic() - self.held.began

    @property
    def figures(self) -> Path:
        """The folder of the pictures."""
        return self.folder / "figures"

    @property
    def notes(self) -> list[str]:
        """What a reader should know of the course of the run."""
        return list(self.held.marker.changes) if self.held.marker is not None else []

    def open(self, packs: Mapping[str, Pack], weights: Mapping[str, Path] | None = None) -> None:
        """Record the images by split, the settings and the environment. An old run is removed only with --overwrite.

        `weights`: the files of weights that it reads, by their flags. Raises UserError for a run that was begun with
        other images or other weights.
        """
        images = data_record(packs)
        refuse_other_data(images)
        with agreed():
            if self.held.leads:
                self._open(images, weights or {})

    def _open(self, images: DataRecord, weights: Mapping[str, Path]) -> None:
        config, files = self.config.run, {flag: sha256_of(path) for flag, path in weights.items()}
        if config.resume:
            refuse_other_images(self.folder, images)
            refuse_other_weights(self.folder, files, weights)
        self.held.begin()
        if config.logger != "none":  # before an old run is removed, because it may fail
            if config.overwrite:
                self.held.clear(LOGGED[config.logger])
            self.loggers.append(LOGGERS[config.logger](self.folder, self.held.phase, flatten(self.config)))
        if config.overwrite:
            self.held.clear()
            self.held.begin(anew=True)
        if self.held.changed:
            self.held.mark(changes=(*self.notes, f"Resumed where a number was not finite, and {self.held.changed}"))
        self.figures.mkdir(parents=True, exist_ok=True)
        self.write_json(IMAGES, images)
        if files:
            self.write_json(WEIGHTS, files)
        save_config(self.config, self.folder / "config.yaml")
        self.record_environment()

    def record_repetition(self, training: TrainingConfig, **settled: str) -> None:
        """Write the settings that repeat the run to the last bit, whatever its minutes held.

        `settled`: settings of the run that were chosen when it began, such as threads="2".
        """
        run = replace(self.config.run, **settled, output_dir=None)
        save_config(replace(self.config, training=training, run=run), self.folder / REPEAT)
        say(f"--config {self.folder / REPEAT} repeats its {counted(sum(training.updates), 'update')} to the last bit")

    def record_environment(self, **settled: str) -> None:
        """Write versions, machine, number of threads and command, and what the run settled for itself."""
        self.write_json("environment.json", environment(**settled))

    def restore(self, into: State) -> History:
        """Load the newest training state into the objects of `into`; return the history so far."""
        self._began = time.monotonic()
        if not self.config.run.resume:
            return History()
        with agreed():
            history = self.states.load(into)
        self._kept = history.epoch
        if history.rows and self.held.leads:
            self._before = read_resources(self.folder)
            self._repair_best(history.best_epoch)
            write_csv(self.folder / "metrics.csv", history.rows)
        return history

    def parts(self) -> dict[str, Spent]:
        """The seconds of each part so far, over all resumptions."""
        return self.clock.spent(self._before.parts)

    def record_resources(self, device: torch.device) -> None:
        """Write the training time in seconds, over all resumptions, that of its parts, and the peak memory."""
        seconds = (self._before.train_seconds or 0.0) + time.monotonic() - self._began
        memory = {name: max(peak, getattr(self._before, name) or 0.0) for name, peak in peak_memory(device).items()}
        told = Resources(train_seconds=round(seconds, 1), device=device.type, parts=self.parts())
        self._write_resources(replace(told, **memory))

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Count what happens inside the context to the report."""
        with self.clock("report"):
            yield
        self._write_resources(replace(read_resources(self.folder), parts=self.parts()))

    def _write_resources(self, told: Resources) -> None:
        told = replace(told, bottleneck=bottleneck(told.parts))
        self.write_json(RESOURCES, {name: value for name, value in to_dict(told).items() if value is not None})

    def save_state(self, history: History, state: State) -> None:
        """Write last.pth: the complete state for resuming the run exactly."""
        self.states.save(history, state)
        self._kept = history.epoch
        if self.held.marker is not None and self.held.marker.diverged:
            self.held.mark(diverged=False)

    def keep_best(self, number: int, epoch: int) -> None:
        """Keep best.pth, of that epoch, as the network of a round that is over (from 1), unless that is there."""
        kept, best = self.round_file(number), self.folder / "best.pth"
        if kept.exists() and load_handover(kept).provenance.epoch == epoch:
            return  # stopped in the first epoch after it: best.pth may be of that epoch by now
        network = load_handover(best)
        if network.provenance.epoch != epoch:
            raise UserError(
                f"{best} is epoch {network.provenance.epoch}, not epoch {epoch}: train again with --overwrite"
            )
        save_handover(network, kept)

    def round_file(self, number: int) -> Path:
        """The best network of a round (from 1)."""
        return self.folder / f"round_{number}.pth"

    def record(self, history: History) -> None:
        """Write all epochs to metrics.csv, and the latest to the loggers."""
        write_csv(self.folder / "metrics.csv", history.rows)
        newest = history.rows[-1]
        for logger in self.loggers:
            logger.scalars(newest, int(newest["epoch"]))

    def diverged(self, error: DivergedError) -> DivergedError:
        """Mark the run as one that may go on with other rates; return the error with what to do."""
        self.held.mark(diverged=True)
        lower = f"--lr {self.config.training.lr / 10:.3g}"
        return DivergedError(
            f"{error}: {_epochs(self._kept)} kept; go on with --resume --output_dir {self.held.resumed} and one of "
            f"{lower}, --clip_norm 1, --on_nonfinite skip"
        )

    def picture(self, name: str, image: UInt8[np.ndarray, "h w 3"], epoch: int) -> None:
        """Add a picture to the loggers."""
        for logger in self.loggers:
            logger.picture(name, image, epoch)

    def points(self, name: str, points: LabelledPoints) -> None:
        """Add embeddings of images to the loggers."""
        for logger in self.loggers:
            logger.points(name, points)

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write values to a JSON file in the folder."""
        if self.held.leads:
            write_json(self.folder / name, content)

    def close(self) -> None:
        """Flush the loggers."""
        for logger in self.loggers:
            logger.close()

    def _repair_best(self, epoch: int) -> None:
        """Replace a damaged best.pth by the same epoch's file. Raises UserError where there is none."""
        best, same = self.folder / "best.pth", self.folder / f"epoch_{epoch:04d}.pth"
        try:
            load_handover(best)
        except UserError as error:
            if not same.exists():
                raise UserError(
                    f"{error}; epoch {epoch}, the best, is in no other file: copy an epoch_NNNN.pth over best.pth, or "
                    "train again with --overwrite"
                ) from None
            save_handover(load_handover(same), best)
            note(f"{error}; replaced it by {same.name}")


def _epochs(count: int) -> str:
    return f"epochs 1 to {count} are" if count > 1 else "epoch 1 is" if count else "no epoch is"


def refuse_other_images(folder: Path, images: DataRecord) -> None:
    """Raise UserError where the run in a folder was begun with other images than these."""
    if not (folder / IMAGES).exists():
        return
    before = from_dict(Images, read_json(folder / IMAGES), source=folder / IMAGES)
    if different := data_changes(vars(before), images):
        raise UserError(f"cannot resume {folder} with other images ({different}): put them back, or use a new folder")


def refuse_other_weights(folder: Path, files: Mapping[str, str], paths: Mapping[str, Path]) -> None:
    """Raise UserError where the run in a folder was begun with files of weights that have other digests than these."""
    before = read_json(folder / WEIGHTS) if (folder / WEIGHTS).exists() else files
    result = sha256_of(folder / "ae.pth") if (folder / "ae.pth").exists() else ""  # its copy may have replaced a file
    same = {flag: digest for flag, digest in files.items() if digest in (before.get(flag), result)}
    if other := next((flag for flag in {**before, **files} if flag not in same), None):
        given = f"--{other} {paths[other]} is not the file" if other in files else f"--{other} is not here, the file"
        raise UserError(f"cannot resume {folder}: {given} that it began with; give that one, wherever it lies now")
