"""An autoencoder with what was measured of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from numpy import ndarray

from common.data.pack import Pack
from common.embedding import level_ranks
from common.models.encoder import Encoder
from common.report.run_info import RunInfo
from common.run.checkpoint import AutoencoderHandover
from pretrain.config import PretrainConfig
from pretrain.model import Autoencoder
from pretrain.scoring import score_images

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
class ScoredModel:
    """An autoencoder and the scores of its reconstructions, image by image."""

    model: Autoencoder
    pack: Pack
    split: str
    scores: Mapping[str, Float[ndarray, " n"]]
    """By measure, see `score_images`; higher is better, but for "mse"."""
    batch_size: int
    device: torch.device
    names: Sequence[str] | None = None
    """The classes, where the images have masks."""


def score_model(
    model: Autoencoder,
    pack: Pack,
    split: str,
    *,
    batch_size: int,
    device: torch.device,
    names: Sequence[str] | None = None,
) -> ScoredModel:
    """Score every image of one split."""
    scores = score_images(model, pack, batch_size=batch_size, device=device, doing="scoring")
    return ScoredModel(model, pack, split, scores, batch_size, device, names)


def measure_levels(
    encoder: Encoder, pack: Pack, probed: Mapping[str, float], *, batch_size: int, device: torch.device
) -> list[Level]:
    """The effective rank of every map on these images, beside the score of its probe where `probed` has one."""
    ranks = level_ranks(encoder, pack, batch_size=batch_size, device=device)
    maps = zip(encoder.strides, encoder.channels, ranks, strict=True)
    return [Level(stride, channels, rank, probed.get(f"probe/miou_s{stride}")) for stride, channels, rank in maps]
