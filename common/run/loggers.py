"""Loggers of a run: TensorBoard always, Weights & Biases or MLflow with --logger."""

import atexit
import logging
import os
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from jaxtyping import Float, UInt8

from common.errors import UserError
from common.say import note


@dataclass(frozen=True)
class LabelledPoints:
    """Embeddings of images, each with a label and a square picture."""

    vectors: Float[np.ndarray, "n d"]
    labels: Sequence[str]
    pictures: UInt8[np.ndarray, "n h w 3"]


class Logger(Protocol):
    """A receiver of each epoch's measurements and pictures; epochs count from 1."""

    def scalars(self, values: Mapping[str, float], epoch: int) -> None: ...

    def picture(self, name: str, image: UInt8[np.ndarray, "h w 3"], epoch: int) -> None: ...

    def points(self, name: str, points: LabelledPoints) -> None: ...

    def close(self) -> None: ...


class TensorBoard:
    """Event files in the folder tensorboard/ of a run, created at the first entry."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "tensorboard"
        self._writer: Any = None

    def scalars(self, values: Mapping[str, float], epoch: int) -> None:
        for name, value in values.items():
            self._open().add_scalar(name, value, epoch)

    def picture(self, name: str, image: UInt8[np.ndarray, "h w 3"], epoch: int) -> None:
        self._open().add_image(name, image, epoch, dataformats="HWC")

    def points(self, name: str, points: LabelledPoints) -> None:
        """Add the embeddings to the projector, with one square picture per point."""
        lines = [" ".join(label.split()) or "-" for label in points.labels]  # the metadata file has one line per label
        images = torch.from_numpy(points.pictures).permute(0, 3, 1, 2).float() / 255
        vectors = torch.from_numpy(points.vectors)
        self._open().add_embedding(vectors, metadata=lines, label_img=images, tag=name)  # pyright: ignore[reportArgumentType]

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def _open(self) -> Any:
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter  # here: a training starts without it

            self._writer = SummaryWriter(str(self.folder))
        return self._writer


class WeightsAndBiases:
    """A run of the project recon2seg on wandb.ai, or in the folder's wandb/ with WANDB_MODE=offline.

    A resumed run continues under the same id. Raises UserError if it does not start.
    """

    def __init__(self, folder: Path, phase: str, settings: Mapping[str, Any]) -> None:
        import wandb

        id_file = folder / "wandb_id.txt"
        if not id_file.exists():
            id_file.write_text(secrets.token_hex(4))
        try:
            self.run = wandb.init(
                project="recon2seg",
                id=id_file.read_text().strip(),
                resume="allow",
                name=folder.name,
                group=phase,
                dir=folder,
                config=dict(settings),
            )
        except wandb.Error as error:
            raise UserError(f"Weights & Biases did not start ({error}): log in, or set WANDB_MODE=offline") from None
        self.image, self.table = wandb.Image, wandb.Table

    def scalars(self, values: Mapping[str, float], epoch: int) -> None:
        self.run.log(dict(values), step=epoch)

    def picture(self, name: str, image: UInt8[np.ndarray, "h w 3"], epoch: int) -> None:
        self.run.log({name: self.image(image)}, step=epoch)

    def points(self, name: str, points: LabelledPoints) -> None:
        """Log a table; its web page projects the vectors."""
        rows = zip(points.labels, map(self.image, points.pictures), *points.vectors.T.tolist(), strict=True)
        heads: list[str | int] = ["image", "picture", *(f"d{index}" for index in range(points.vectors.shape[1]))]
        self.run.log({name: self.table(columns=heads, data=[list(row) for row in rows])})

    def close(self) -> None:
        self.run.finish()


class MLflow:
    """A run of the experiment recon2seg, in mlflow.db of the working folder or where MLFLOW_TRACKING_URI points.

    A resumed run continues under the same id. Raises UserError if the store does not answer.
    """

    def __init__(self, folder: Path, phase: str, settings: Mapping[str, Any]) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        import mlflow
        from mlflow.entities import Metric
        from mlflow.exceptions import MlflowException

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)  # else the first run tells of every table of the store
        self.client, self.metric, self.refused = mlflow.MlflowClient(), Metric, MlflowException
        try:
            self.id = self._run(folder, phase, settings)
        except MlflowException as error:
            raise UserError(f"MLflow did not start ({_first_sentence(error)}): see MLFLOW_TRACKING_URI") from None
        self._told = False
        atexit.register(self._stop)

    def scalars(self, values: Mapping[str, float], epoch: int) -> None:
        now = int(1000 * time.time())
        metrics = [self.metric(_as_key(name), float(value), now, epoch) for name, value in values.items()]
        self._send(self.client.log_batch, self.id, metrics)

    def picture(self, name: str, image: UInt8[np.ndarray, "h w 3"], epoch: int) -> None:
        self._send(self.client.log_image, self.id, image, key=_as_key(name), step=epoch)

    def points(self, name: str, points: LabelledPoints) -> None:
        """Keep the vectors and their labels as two tables, which the Embedding Projector takes."""
        vectors = "".join("\t".join(map(str, vector)) + "\n" for vector in points.vectors.tolist())
        labels = "".join(" ".join(label.split()) + "\n" for label in points.labels)
        for part, text in {"vectors": vectors, "labels": labels}.items():
            self._send(self.client.log_text, self.id, text, f"{_as_key(name)}/{part}.tsv")

    def close(self) -> None:
        atexit.unregister(self._stop)
        self._send(self.client.set_terminated, self.id)

    def _stop(self) -> None:
        """Say of a run that never ended that it was stopped."""
        self._send(self.client.set_terminated, self.id, "KILLED")

    def _run(self, folder: Path, phase: str, settings: Mapping[str, Any]) -> str:
        """The id of the folder's run: the one that is known there, or a new one with the settings."""
        id_file = folder / "mlflow_id.txt"
        if id_file.exists():
            known = id_file.read_text().strip()
            self.client.update_run(known, status="RUNNING")
            return known
        found = self.client.get_experiment_by_name("recon2seg")
        experiment = found.experiment_id if found is not None else self.client.create_experiment("recon2seg")
        new = self.client.create_run(experiment, run_name=folder.name, tags={"phase": phase}).info.run_id
        for name, value in settings.items():
            self.client.log_param(new, name, value)
        id_file.write_text(new)
        return new

    def _send(self, call: Callable[..., Any], *words: Any, **named: Any) -> None:
        """Hand something over; a store that no longer answers ends the record, and not the training."""
        try:
            call(*words, **named)
        except self.refused as error:
            if not self._told:
                note(f"MLflow took no more ({_first_sentence(error)}); metrics.csv has every epoch")
            self._told = True


def _as_key(name: str) -> str:
    """A name as MLflow allows it."""
    return re.sub(r"[^\w/. :-]", "_", name)


def _first_sentence(error: Exception) -> str:
    return " ".join(str(error).split()).partition(". ")[0]


LOGGERS: dict[str, Callable[[Path, str, Mapping[str, Any]], Logger]] = {"wandb": WeightsAndBiases, "mlflow": MLflow}
"""Of --logger, by their names: a run's folder, its phase and its settings make one."""

PACKAGES = {"none": {}, "wandb": {"wandb": "wandb"}, "mlflow": {"mlflow": "mlflow-skinny"}}
"""Of each --logger: the modules that it imports, and the packages that have them."""
STORE = {"sqlalchemy": "sqlalchemy", "alembic": "alembic"}
"""Those of MLflow's store in the working folder; a server has its own."""


def refuse_missing(logger: str) -> None:
    """Raise UserError where packages of a logger of --logger are not installed; call it before images are decoded."""
    store = STORE if logger == "mlflow" and "MLFLOW_TRACKING_URI" not in os.environ else {}
    missing = [package for module, package in {**PACKAGES[logger], **store}.items() if find_spec(module) is None]
    if missing:
        raise UserError(f"--logger {logger} needs what is not installed here: pip install {' '.join(missing)}")
