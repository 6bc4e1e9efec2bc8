"""Everything that can be set in phase 1, and its defaults."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

from common.config.groups import (
    AugmentConfig,
    DataConfig,
    DecoderConfig,
    OptimizerConfig,
    RunConfig,
    TrainingConfig,
    UNetConfig,
)
from common.config.ranks import RanksConfig
from common.data.shards.files import is_shards
from common.errors import UserError
from pretrain.groups import EncoderConfig, HandoverConfig, PretextConfig, ProbeConfig
from pretrain.losses.registry import (
    SIDE_OBJECTIVES,
    ContrastSettings,
    PseudoMaskSettings,
    RegisteredObjective,
)
from pretrain.pretexts.registry import PRETEXTS
from pretrain.registered import Settings, with_settings
from pretrain.targets.registry import TARGETS, LossConfig

S = TypeVar("S", bound=Settings)


@dataclass(frozen=True)
class Groups:
    """The settings of phase 1 but for those of single pretexts, targets and side objectives."""

    RECIPES: ClassVar[str] = "pretrain"
    EXAMPLES: ClassVar[Sequence[str]] = (
        "python -m pretrain.main",
        "python -m pretrain.main --data_dir data --output_dir runs/ae",
        "python -m pretrain.main --recipe object --data_dir data",
    )
    OWN_OF: ClassVar[Mapping[str, Mapping[str, Sequence[str]]]] = {
        "encoder": {"unet": ("widths", "norm", "dropout", "down")}
    }
    COMMON: ClassVar[Sequence[str]] = (
        "data_dir",
        "image_size",
        "output_dir",
        "resume",
        "config",
        "recipe",
        "device",
        "pretext",
        "target",
        "encoder",
        "start_from",
        "epochs",
        "batch_size",
        "lr",
        "seed",
    )

    data: DataConfig = DataConfig()
    run: RunConfig = RunConfig()
    model: UNetConfig = UNetConfig()
    decoder: DecoderConfig = DecoderConfig()
    training: TrainingConfig = TrainingConfig(batch_size=32, lr=1e-3, weight_decay=1e-5)
    pretext: PretextConfig = PretextConfig()
    encoder: EncoderConfig = EncoderConfig()
    loss: LossConfig = LossConfig()
    optim: OptimizerConfig = OptimizerConfig(optimizer="adam", schedule="cosine", min_lr=1e-6)
    augment: AugmentConfig = AugmentConfig(hflip=0.5, rotate=0.0, scale=0.0, translate=0.0, jitter=0.0)
    probe: ProbeConfig = ProbeConfig()
    handover: HandoverConfig = HandoverConfig()
    ranks: RanksConfig = RanksConfig()


@dataclass(frozen=True)
class PretrainConfig(with_settings(Groups, PRETEXTS, TARGETS, SIDE_OBJECTIVES)):
    """Pretrain an autoencoder on photographs without masks, and write its encoder to ae.pth."""

    def settings(self, kind: type[S]) -> S:
        """The settings of a registered part; its defaults where it was registered after this class was made."""
        return next((group for group in vars(self).values() if type(group) is kind), kind())

    @property
    def start_from(self) -> Path | None:
        """The autoencoder to begin with."""
        return self.handover.start_from

    @property
    def second_copy(self) -> Path | None:
        """Where ae.pth is written beside the run's folder."""
        return self.handover.handover_path or (Path("ae.pth") if self.run.output_dir is None else None)

    @property
    def copies(self) -> dict[str, Path]:
        """The files that are written beside the run's folder, by their flags."""
        paths = {"--handover_path": self.second_copy, "--export_encoder": self.handover.export_encoder}
        return {flag: path for flag, path in paths.items() if path is not None}

    @property
    def target_name(self) -> str:
        """The registered target, with auto resolved."""
        return PRETEXTS[self.pretext.pretext].target if self.pretext.target == "auto" else self.pretext.target

    @property
    def regresses(self) -> bool:
        """Whether there is a target: without any loss weight --target image leaves the side objectives alone."""
        return self.target_name != "image" or self.loss.compares

    @property
    def perceptual(self) -> bool:
        """Whether the perceptual network is needed."""
        return (self.has_teacher and not self.loss.other_teacher) or self.loss.perceptual_weight > 0

    @property
    def has_teacher(self) -> bool:
        """Whether the target is made by a trained network."""
        return TARGETS[self.target_name].teacher

    @property
    def changed_images(self) -> str:
        """Why images of an update are not those of the pack or their mirror images, in words; "" if they are."""
        if self.data.fit == "crop":
            return "--fit crop takes other crops each time"
        return "" if self.augment.mirrors_alone else "images are augmented by more than --hflip"

    def weight(self, objective: RegisteredObjective) -> float:
        """The weight of a side objective."""
        return getattr(self.settings(objective.settings), objective.weight)

    @property
    def side(self) -> dict[str, RegisteredObjective]:
        """The side objectives that have a weight, by name."""
        return {name: objective for name, objective in SIDE_OBJECTIVES.items() if self.weight(objective) > 0}

    @property
    def takes_pseudo_masks(self) -> bool:
        """Whether photographs come with pseudo-masks."""
        learnt = self.settings(PseudoMaskSettings).pseudo_mask_weight > 0
        return learnt or self.settings(ContrastSettings).of_foreground

    def check(self) -> None:
        """Raise UserError for settings that exclude each other."""
        self.run.check()
        self.data.check()
        self.model.check()
        self.training.check()
        self.encoder.check(self.model)
        self.handover.check()
        self.ranks.check()
        if self.start_from is not None and self.encoder.encoder_weights_path is not None:
            raise UserError("--start_from and --encoder_weights_path both name weights: leave one of them out")
        unet = self.encoder.encoder == "unet"
        coarsest = 2 ** (len(self.model.widths) - 1) if unet else self.encoder.encoder_stride
        if self.data.image_size % coarsest == 0:  # else the encoder names a size that fits
            self.settings(PRETEXTS[self.pretext.pretext].settings).check(self)
        if self.pretext.decoder_stride >= coarsest:
            made = f"{len(self.model.widths)} --widths" if unet else f"--encoder {self.encoder.encoder}"
            raise UserError(
                f"--decoder_stride {self.pretext.decoder_stride} leaves the decoder nothing to do: the coarsest map of "
                f"{made} has stride {coarsest}, and it must stop below"
            )
        self.probe.check(epochs=self.training.epochs, patience=self.training.patience)
        self._check_losses()
        if is_shards(self.data.data_dir):
            self._check_stream()

    def _check_stream(self) -> None:
        plan = self.training
        if not (plan.updates or plan.minutes or plan.epoch_updates):
            raise UserError(
                "shards are a stream without an end: say how long to train with --updates, --minutes, or --epochs and "
                "--epoch_updates"
            )
        whole = {
            "pseudo-masks (--pseudo_mask_weight, --contrast_views foreground)": self.takes_pseudo_masks,
            "--teacher_cache": bool(self.loss.teacher_cache),
            "--images": bool(self.data.images),
            "--pages all": self.data.pages == "all",
            "--download": self.data.download,
        }
        for what, wanted in whole.items():
            if wanted:
                raise UserError(f"{what}: this is for images in a folder, and shards are a stream: leave it out")

    def _check_losses(self) -> None:
        if not (self.regresses or self.side):
            raise UserError("all loss weights are 0: set one of --mse_weight, --ssim_weight above 0")
        for entry in (TARGETS[self.target_name], *SIDE_OBJECTIVES.values()):
            self.settings(entry.settings).check(self)
        if self.settings(ContrastSettings).of_foreground and (self.regresses or list(self.side) != ["contrast"]):
            raise UserError(
                "--contrast_views foreground trains the encoder by that alone: give --pretext plain --mse_weight 0 "
                "--ssim_weight 0 and no other weight, or take --recipe kinds"
            )
        self.loss.check(self)
        if self.loss.other_teacher and not self.has_teacher:
            raise UserError("--teacher and --teacher_weights belong to --target features: give it, or leave them out")
        if self.has_teacher and self.loss.teacher_cache and self.changed_images:
            raise UserError(f"--teacher_cache keeps maps of images that stay, and {self.changed_images}: leave it out")
        if self.perceptual and self.data.channels != 3:
            other = "--target hog" if self.has_teacher else "--perceptual_weight 0"
            raise UserError(
                f"the perceptual network needs 3 channels, and --channels is {self.data.channels}: set {other}"
            )


def config_class() -> type[PretrainConfig]:
    """The config class with the settings of all that is registered by now."""
    return with_settings(PretrainConfig, PRETEXTS, TARGETS, SIDE_OBJECTIVES)
