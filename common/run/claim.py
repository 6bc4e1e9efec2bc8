"""The folder of a training: whose it is, what may be removed from it, and what it can be resumed with.

Imports no torch, so that the folder is held before a second command has begun to work.
"""

import re
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from common.config.load import changes, flatten
from common.errors import UserError, abbreviate
from common.files import read_json, write_json
from common.run.hold import hold, tried
from common.run.plain_data import from_dict, to_dict
from recon2seg.packages import version

MARKER, IMAGES, REPEAT = "run.json", "data.json", "repeat.yaml"
"""What says how far a run is; its images by split (`common.data.record`); and the settings that repeat it exactly."""
WEIGHTS = "weights.json"
"""Digests of the files of weights that phase 1 read, by their flags."""
NO_RUN = re.compile(r"\..*|.*\.(log|out)|log\.txt")
"""Names beside which a run may begin: hidden files, and what a shell keeps of its output."""
MAY_CHANGE = {
    "output_dir",
    "device",
    "devices",
    "num_nodes",
    "strategy",
    "threads",
    "num_workers",
    "cache_dir",
    "verify_data",
    "save_every",
    "keep_checkpoints",
    "handover_path",
    "export_encoder",
    "logger",
    "download",
    "report",
}
"""Settings that a resumed run may change, because they do not affect the weights."""
COMPARED = {
    "pretrain": {"data_dir"},
    "transfer": {
        *("data_dir", "unlabelled_dir", "classes", "pretrained_encoder", "init_from", "like", "encoder_weights_path"),
    },
}
"""Settings that say where images, classes and weights lie, which a run compares by their content."""
BY_DIGEST = {"start_from", "teacher", "teacher_weights", "perceptual_weights_path", "encoder_weights_path"}
"""Settings that a run of phase 1 compares by the digests of the files, where it kept them."""
WEIGHTS_OF_RUNS = BY_DIGEST | {"pretrained_encoder", "init_from", "like"}
"""Settings that may name a run, or a file in it, with whose weights another one begins."""
AFTER_DIVERGENCE = {"lr", "clip_norm", "on_nonfinite"}
"""Settings that may change as well where a number was not finite, in the run or in one of its folds."""
WRITTEN = (
    "config.yaml", REPEAT, "environment.json", IMAGES, WEIGHTS, "metrics.csv", "metrics.json", "receipt.json",
    "resources.json", "model.txt", "report.html", "test_images.npz", "ae.pth", "best.pth", r"last(-\d+)?\.pth",
    r"epoch_\d{4,}\.pth", r"round_\d+\.pth", r"figures/curves\.png", r"figures/features\w*\.png",
    r"figures/\w+_(test|val)\.png", r"figures/activation_maps\.png", "folds.csv", r"worst\.csv",
    r"tensorboard/events\.out\.tfevents\..*", r"tensorboard/projector_config\.pbtxt", r"tensorboard/\d{5}(/.*)?",
    MARKER,
)  # fmt: skip
"""What runs write into their folder: the whole name inside it, as a regular expression; the marker last."""
LOGGED = {
    "wandb": (r"wandb_id\.txt", r"wandb/(debug.*\.log|latest-run|(offline-)?run-\d{8}_\d{6}-\w+)"),
    "mlflow": (r"mlflow_id\.txt",),
}
"""What the loggers of --logger write there."""

FOLDERS = ("figures", "tensorboard", "wandb")
FOLD = r"fold_\d+"
"""Name of the folder of one training of a cross-validation, inside that of all."""


@dataclass(frozen=True, kw_only=True)
class Marker:
    """What run.json says: that a folder is a run's, and how far the run is."""

    phase: str
    version: str = field(default_factory=version)
    finished: bool = False
    """Whether the last of its files is written."""
    diverged: bool = False
    """Whether its training stopped because a number was not finite."""
    changes: tuple[str, ...] = ()
    """Settings that became others on the way, in sentences."""


class RunFolder:
    """The folder of a training. As a context it is held from the first moment to the last.

    Entering raises UserError for a folder that holds anything but a run, for a run without --resume or --overwrite, and
    as `hold` does.
    """

    def __init__(
        self, phase: str, config: Any, *, copies: Mapping[str, Path] | None = None, whole: Path | None = None
    ) -> None:
        """`config`: all settings of the training; `copies`: where else it will write files, by the flags; `whole`: the
        folder of the cross-validation that it is a fold of.
        """
        self.phase, self.config, self.copies = phase, config, copies or {}
        self.path: Path = config.run.output_dir or _free(Path("runs") / f"{phase}-{time.strftime('%Y%m%d-%H%M%S')}")
        self.resumed: Path = whole or self.path
        """The folder with which --resume goes on."""
        self.began = time.monotonic()
        """When the command began."""
        self.marker: Marker | None = None
        """None while the folder holds no run."""
        self.changed = ""
        """What a run that diverged is resumed with, in words."""
        self.leads = True
        """Whether this process writes; of a training on several that is rank 0."""

    def __enter__(self) -> "RunFolder":
        with ExitStack() as stack:
            stack.enter_context(hold(self.path))
            for flag, path in self.copies.items():
                stack.enter_context(tried(path, flag))
            self.marker = read_marker(self.path, phase=self.phase)
            self._refuse()
            self.changed = self._changes() if self.config.run.resume else ""
            self._held = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.__exit__(kind, error, trace)

    def follow(self, path: Path, marker: Marker | None, changed: str) -> None:
        """Take what the process that holds the folder says of it, and never write."""
        self.path, self.resumed, self.marker, self.changed, self.leads = path, path, marker, changed, False

    def start_clock(self) -> None:
        """Count the minutes of the training from now on: others, before it, had their own."""
        self.began = time.monotonic()

    @property
    def finished(self) -> bool:
        """Whether the run to resume is complete."""
        return self.config.run.resume and self.marker is not None and self.marker.finished

    def begin(self, *, anew: bool = False) -> None:
        """Mark a new folder, or one that was cleared, as a run's."""
        self.marker = None if anew else self.marker
        if self.marker is None:
            self.mark()

    def finish(self) -> None:
        """Mark the run as finished, which is written last."""
        self.mark(finished=True)

    def clear(self, names: Sequence[str] = WRITTEN) -> None:
        """Remove the files of a run, and of its folds, by their names, and the folders that are empty then.

        A fold's folder that holds other files stays a run's, as that of a single run does.
        """
        runs = [fold for fold in self._folds() if read_marker(fold, phase=self.phase) is not None]
        for name in names:
            written = re.compile(rf"({FOLD}/)?({name})")
            for path in sorted(self.path.rglob("*"), reverse=True):
                if written.fullmatch(path.relative_to(self.path).as_posix()):
                    _remove(path)
        folds = self._folds()
        for path in (*(run / name for run in (*folds, self.path) for name in FOLDERS), *folds):
            with suppress(OSError):
                path.rmdir()
        for fold in runs:
            if fold.exists() and not (fold / MARKER).exists():
                write_json(fold / MARKER, to_dict(Marker(phase=self.phase)))

    def mark(self, **facts: Any) -> None:
        """Write facts into run.json, see `Marker`."""
        self.marker = replace(self.marker or Marker(phase=self.phase), **facts)
        if self.leads:
            write_json(self.path / MARKER, to_dict(self.marker))

    def _changes(self) -> str:
        """The settings that become others. Raises UserError for those that may not."""
        saved = self.path / "config.yaml"
        moved = COMPARED[self.phase] if (self.path / IMAGES).exists() else set()
        free = MAY_CHANGE | moved | (BY_DIGEST if (self.path / WEIGHTS).exists() else set())
        markers = [self.marker, *(read_marker(fold, phase=self.phase) for fold in self._folds())]
        diverged = any(marker is not None and marker.diverged for marker in markers)
        refused = changes(self.config, saved, free=free | (AFTER_DIVERGENCE if diverged else set()))
        if refused:
            raise UserError(
                f"cannot resume {self.path} with other settings ({refused}): use the old ones, or a new folder"
            )
        return changes(self.config, saved, free=free)

    def _folds(self) -> list[Path]:
        return [path for path in sorted(self.path.iterdir()) if path.is_dir() and re.fullmatch(FOLD, path.name)]

    def _refuse(self) -> None:
        holds = [path.name for path in sorted(self.path.iterdir()) if not NO_RUN.fullmatch(path.name)]
        if self.config.run.resume:
            if self.marker is not None and self.marker.phase != self.phase:
                raise UserError(f"{self.path} is a run of {self.marker.phase}.main: resume it with that command")
        elif self.marker is not None and (self.path / "config.yaml").exists() and not self.config.run.overwrite:
            raise UserError(f"{self.path} already holds a run: give --resume, --overwrite or another --output_dir")
        elif self.marker is None and holds:
            raise UserError(
                f"{self.path} holds {abbreviate(holds)}, which no run wrote: give a new folder as --output_dir"
            )
        elif self.config.run.overwrite:
            self._refuse_own_weights()

    def _refuse_own_weights(self) -> None:
        """Raise UserError for weights to begin with that --overwrite would remove."""
        here, removed = self.path.resolve(), re.compile(rf"\.|{FOLD}|({FOLD}/)?({'|'.join(WRITTEN)})")
        named = {flag: Path(value) for flag, value in flatten(self.config).items() if flag in WEIGHTS_OF_RUNS and value}
        for flag, path in named.items():
            place = path.resolve()
            if path.exists() and place.is_relative_to(here) and removed.fullmatch(place.relative_to(here).as_posix()):
                raise UserError(f"--{flag} {path} is in the run that --overwrite removes: give another --output_dir")


def refuse_run(folder: Path, flag: str) -> None:
    """Raise UserError where a page that is named by the flag would replace that of a run."""
    if (folder / MARKER).exists():
        raise UserError(f"{folder} is the folder of a run, whose page this would replace: give another --{flag}")


def read_marker(folder: Path, *, phase: str) -> Marker | None:
    """The marker of a run's folder; of older runs, which have none, what their other files tell. None without a run."""
    if (folder / MARKER).exists():
        return from_dict(Marker, read_json(folder / MARKER), source=folder / MARKER)
    if not (folder / "config.yaml").exists() or not (folder / "environment.json").exists():
        return None
    metrics = folder / "metrics.json"
    return Marker(phase=phase, version="", finished=metrics.exists() and metrics.stat().st_size > 0)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _free(folder: Path) -> Path:
    """Return an unused folder name, with a number if two runs start in the same second."""
    names: Sequence[Path] = [folder, *(folder.with_name(f"{folder.name}-{n}") for n in range(2, 100))]
    return next(name for name in names if not name.exists())
