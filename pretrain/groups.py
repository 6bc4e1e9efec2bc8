"""The groups of settings that phase 1 has for itself, but for those of its registered parts. Imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import tyro
from pydantic import AfterValidator, Field

from common.config.encoder import NamedEncoderConfig
from common.config.groups import UNetConfig
from common.config.recipes import recipe_file
from common.errors import UserError
from common.models.parts import part_for
from common.registered import known
from common.run.exported import refuse_other_format
from common.words import counted
from pretrain.pretexts.registry import PRETEXTS
from pretrain.targets.registry import TARGETS

PretextName = Annotated[str, AfterValidator(known(PRETEXTS)), tyro.conf.arg(metavar=f"{{{','.join(PRETEXTS)}}}")]
TargetName = Annotated[
    str, AfterValidator(known(TARGETS, "auto")), tyro.conf.arg(metavar=f"{{{','.join(['auto', *TARGETS])}}}")
]


@dataclass(frozen=True)
class PretextConfig:
    """The network's input, and what it regresses."""

    REMOVED: ClassVar[Mapping[str, Any]] = {"skip_drop": 0.5}

    pretext: PretextName = "mask"
    """Corruption of the input: none (plain), noise, hidden patches, or restore (Models Genesis)."""
    target: TargetName = "auto"
    """Regression target: image, hog (MaskFeat), features (distillation); auto: hog with mask, else image."""
    skips: Literal["all", "none", "drop"] = "all"
    """Skips from encoder to decoder: all, none, or dropped at random for whole samples while training."""
    decoder_stride: Literal[1, 2, 4, 8] = 1
    """Output stride of the pretraining decoder; use 8 with --target features."""


@dataclass(frozen=True)
class EncoderConfig(NamedEncoderConfig):
    """The encoder that is pretrained, and the weights that it begins with."""

    encoder: str = "unet"
    """Encoder: unet (from scratch), mobilenet_v2, or one of segmentation_models_pytorch."""
    encoder_weights: Literal["imagenet", "none"] = "imagenet"
    """First weights of another encoder than unet: imagenet (its labels are in them), or none for random."""

    def check(self, unet: UNetConfig) -> None:
        """Raise UserError for settings that the encoder does not have, and for a file of weights without a use."""
        part, usual = part_for(self.encoder), UNetConfig()
        typed = {name: value for name, value in vars(unet).items() if value != getattr(usual, name)}
        foreign = [name for name in typed if name not in part.takes]
        if self.encoder_stride != EncoderConfig.encoder_stride and "output_stride" not in part.takes:
            foreign.append("encoder_stride")
        if foreign:
            listed = ", ".join(f"--{name}" for name in foreign)
            raise UserError(f"--encoder {self.encoder} does not have the settings {listed}: leave them out")
        if self.encoder_weights_path is not None and not (part.pretrained and self.encoder_weights != "none"):
            raise UserError(
                f"--encoder_weights_path {self.encoder_weights_path} is not used: --encoder {self.encoder} begins with "
                "random weights; leave it out, or name the encoder that it belongs to"
            )


@dataclass(frozen=True)
class ProbeConfig:
    """Evaluation of the encoder while it is pretrained."""

    probe_every: Annotated[int, Field(ge=0)] = 5
    """Epochs from one probe to the next (the last epoch always has one); 0 for none."""
    probe_dir: Path | None = None
    """Labelled images for a linear probe: fitted on their training part, scored on their validation."""
    monitor: Literal["loss", "probe/miou"] = "loss"
    """Score that chooses the best epoch: the validation loss, or the probe, which uses labels."""

    def check(self, *, epochs: int, patience: int) -> None:
        """Raise UserError for a probe that is to choose the best epoch and can't."""
        if self.monitor == "probe/miou" and (self.probe_dir is None or self.probe_every == 0):
            raise UserError("--monitor probe/miou needs labelled images (--probe_dir) and --probe_every above 0")
        if self.monitor == "probe/miou" and 0 < patience < min(self.probe_every, epochs or self.probe_every):
            raise UserError(
                f"--patience {patience} stops the run before a probe after every "
                f"{counted(self.probe_every, 'epoch')} can do better: set --probe_every to at most {patience}"
            )


@dataclass(frozen=True)
class HandoverConfig:
    """The autoencoder that phase 1 begins with, and the one that it leaves."""

    start_from: Path | None = None
    """Autoencoder to continue from (a run's folder or its ae.pth); default fresh weights."""
    before: tuple[str, ...] = ()
    """Recipes that train the network first, in a row; --minutes are shared, other lengths are the last's."""
    encoder_lr_factor: Annotated[float, Field(gt=0)] = 1.0
    """Learning rate of the encoder, relative to --lr: below 1 it keeps what --start_from taught it."""
    handover_path: Path | None = None
    """File for a second copy of the encoder; default ./ae.pth where --output_dir is not given."""
    export_encoder: Path | None = None
    """File (.safetensors) of the encoder alone for other programs, by the names of its library."""

    def check(self) -> None:
        """Raise UserError for recipes that are not known, and for an export of another format."""
        for recipe in self.before:
            recipe_file("pretrain", recipe, flag="--before")
        if self.export_encoder is not None:
            refuse_other_format(self.export_encoder)
