"""The folder of a run: settings, environment, measurements and pictures."""

import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from common.config.load import changes, flatten, save_config
from common.errors import UserError
from common.files import read_json, write_json
from common.rows import write_csv
from common.run.environment import environment, peak_memory
from common.run.history import History
from common.run.loggers import LabelledPoints, Logger, TensorBoard, WeightsAndBiases
from common.tensor_files import load_tensors, save_atomically

WRITTEN = (
    "config.yaml", "environment.json", "metrics.csv", "metrics.json", "receipt.json", "resources.json", "model.txt",
    "report.html", "test_images.npz", "*.pth", "figures", "tensorboard",
)  # fmt: skip
"""Files that a run writes into its folder."""
WANDB = ("wandb", "wandb_id.txt")
"""Files of Weights & Biases in the folder."""
MAY_CHANGE = {
    "output_dir",
    "device",
    "num_workers",
    "cache_dir",
    "save_every",
    "handover_path",
    "logger",
    "download",
    "report",
}
"""Settings that a resumed run may change, because they do not affect the weights."""


class Run:
    """The folder of a run, created by `open`."""

    def __init__(self, phase: str, config: Any) -> None:
        self.config, self.phase = config, phase
        given = config.run.output_dir
        self.folder: Path = given or _free(Path("runs") / f"{phase}-{time.strftime('%Y%m%d-%H%M%S')}")
        self.loggers: list[Logger] = [TensorBoard(self.folder)]
        self._began, self._before = time.monotonic(), {}
        if config.run.resume:
            self._refuse_changes()
        elif (self.folder / "config.yaml").exists() and not config.run.overwrite:
            raise UserError(f"{self.folder} already holds a run: give --resume, --overwrite or another --output_dir")
        elif self.folder.exists() and not self.folder.is_dir():
            raise UserError(f"--output_dir {self.folder} is a file, not a folder")

    @property
    def figures(self) -> Path:
        """The folder of the pictures."""
        return self.folder / "figures"

    @property
    def finished(self) -> bool:
        """Whether the run to resume is complete."""
        return self.config.run.resume and (self.folder / "metrics.json").exists()

    def open(self) -> None:
        """Create the folder, and record settings and environment. An old run is removed only with --overwrite."""
        config = self.config.run
        if config.logger == "wandb":  # before an old run is removed, because it may fail
            if config.overwrite:
                self._clear(WANDB)
            self.folder.mkdir(parents=True, exist_ok=True)
            self.loggers.append(WeightsAndBiases(self.folder, self.phase, flatten(self.config)))
        if config.overwrite:
            self._clear(WRITTEN)
        self.figures.mkdir(parents=True, exist_ok=True)
        save_config(self.config, self.folder / "config.yaml")
        self.write_json("environment.json", environment())

    def restore(self, into: Mapping[str, Any]) -> History:
        """Load last.pth into the objects of `into`; return the history so far."""
        self._began = time.monotonic()
        if not self.config.run.resume or not (self.folder / "last.pth").exists():
            return History()
        content = load_tensors(self.folder / "last.pth")
        self._before = read_json(self.folder / "resources.json")
        for name, part in into.items():
            part.load_state_dict(content["state"][name])
        return History(**content["progress"])

    def record_resources(self, device: torch.device) -> None:
        """Write the training time in seconds, over all resumptions, and the peak memory."""
        seconds = self._before.get("train_seconds", 0.0) + time.monotonic() - self._began
        memory = {name: max(peak, self._before.get(name, 0.0)) for name, peak in peak_memory(device).items()}
        self.write_json("resources.json", {"train_seconds": round(seconds, 1), "device": device.type, **memory})

    def save_state(self, history: History, state: Mapping[str, Any]) -> None:
        """Write last.pth: the complete state for resuming the run exactly."""
        parts = {name: part.state_dict() for name, part in state.items()}
        save_atomically({"state": parts, "progress": vars(history)}, self.folder / "last.pth")

    def record(self, history: History) -> None:
        """Write all epochs to metrics.csv, and the latest to the loggers."""
        write_csv(self.folder / "metrics.csv", history.rows)
        newest = history.rows[-1]
        for logger in self.loggers:
            logger.scalars(newest, int(newest["epoch"]))

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
        write_json(self.folder / name, content)

    def close(self) -> None:
        """Flush the loggers."""
        for logger in self.loggers:
            logger.close()

    def _clear(self, patterns: Sequence[str]) -> None:
        """Remove the files of runs from the folder, and no others."""
        for pattern in patterns:
            for path in self.folder.glob(pattern):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _refuse_changes(self) -> None:
        changed = changes(self.config, self.folder / "config.yaml", free=MAY_CHANGE)
        if changed:
            raise UserError(
                f"cannot resume {self.folder} with other settings ({changed}): use the old ones, or a new folder"
            )


def _free(folder: Path) -> Path:
    """Return an unused folder name, with a number if two runs start in the same second."""
    names = [folder, *(folder.with_name(f"{folder.name}-{n}") for n in range(2, 100))]
    return next(name for name in names if not name.exists())
