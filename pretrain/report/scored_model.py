"""An autoencoder with what was measured of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray

from common.data.pack import Pack
from common.embedding import level_ranks
from common.engine.seeding import VALIDATION, seed_update
from common.models.encoder import Encoder
from common.report.run_info import RunInfo
from common.run.checkpoint import AutoencoderHandover
from pretrain.config import PretrainConfig
from pretrain.model import Autoencoder
from pretrain.pretexts.task import TaskMaker
from pretrain.scoring import score_images, score_outlines, score_task
from pretrain.targets.target import Target

PretrainingRun = RunInfo[PretrainConfig, AutoencoderHandover, Pack]
"""How an autoencoder was trained."""


@dataclass(frozen=True)
class Level:
    """What one map of the encoder's pyramid holds."""

    stride: int
    channels: int
    rank: float
    """The effective rank of its features."""
    probe_miou: float | None
    """Mean IoU of a linear probe on this map alone; None without a probe."""


@dataclass(frozen=True)
class Outlines:
    """How well predicted outlines agree with masks."""

    mean: float
    """Mean IoU of the foreground over the images."""
    truth: str
    """Whose masks: "the pseudo-masks of 30 val images"."""


@dataclass(frozen=True)
class ScoredModel:
    """An autoencoder and the scores of its reconstructions, image by image."""

    model: Autoencoder
    pack: Pack
    split: str
    scores: Mapping[str, Float[ndarray, " n"]]
    """By measure, see `score_images`; higher is better, but for "mse". "better_than_mean" is that of `score_task`;
    absent where no image tells it."""
    batch_size: int
    device: torch.device
    names: Sequence[str] | None = None
    """The classes, where the images have masks."""
    target: Target | None = None
    """What the network regresses, where that is known."""
    outlines: Sequence[Outlines] = ()

    @property
    def by_product(self) -> bool:
        """Whether reconstructions are those of the picture decoder, and not the task's."""
        return self.model.picture is not None


def score_model(
    model: Autoencoder,
    pack: Pack,
    split: str,
    *,
    batch_size: int,
    device: torch.device,
    names: Sequence[str] | None = None,
    target: Target | None = None,
    make_task: TaskMaker | None = None,
    seed: int = 0,
) -> ScoredModel:
    """Score every image of one split; with a target and its tasks also what is predicted of these."""
    scores = score_images(model, pack, batch_size=batch_size, device=device, doing="scoring")
    if target is not None and make_task is not None:
        seed_update(seed, VALIDATION)
        better = score_task(model, target, pack, make_task, batch_size=batch_size, device=device)
        told = {"better_than_mean": better.astype(np.float64)} if np.isfinite(better).any() else {}
        scores = {**told, **scores}
    return ScoredModel(model, pack, split, scores, batch_size, device, names, target)


def outlines_of(
    model: Autoencoder, pack: Pack, truth: str, *, background: int | None = 0, batch_size: int, device: torch.device
) -> list[Outlines]:
    """How the predicted outlines agree with the masks of a pack; `truth` says what these are. [] without either."""
    values = score_outlines(model, pack, background=background, batch_size=batch_size, device=device)
    return [] if values is None or not np.isfinite(values).any() else [Outlines(float(np.nanmean(values)), truth)]


def measure_levels(
    encoder: Encoder, pack: Pack, probed: Mapping[str, float], *, batch_size: int, device: torch.device
) -> list[Level]:
    """The effective rank of every map on these images, beside the score of its probe where `probed` has one."""
    ranks = level_ranks(encoder, pack, batch_size=batch_size, device=device)
    maps = zip(encoder.strides, encoder.channels, ranks, strict=True)
    return [Level(stride, channels, rank, probed.get(f"probe/miou_s{stride}")) for stride, channels, rank in maps]
