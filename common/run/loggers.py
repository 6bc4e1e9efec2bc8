"""Loggers of a run: TensorBoard always, Weights & Biases with --logger wandb."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from jaxtyping import Float, UInt8

from common.errors import UserError


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

    A resumed run continues under the same id. Raises UserError if the package is missing or does not start.
    """

    def __init__(self, folder: Path, phase: str, settings: Mapping[str, Any]) -> None:
        try:
            import wandb
        except ImportError:
            raise UserError("--logger wandb needs another package: pip install wandb") from None
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
