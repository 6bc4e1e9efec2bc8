"""What a study compares. Imports no torch, so that `--help` answers at once."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from common.config.groups import AugmentConfig, DataConfig, OptimizerConfig, RunConfig, TrainingConfig, UNetConfig
from common.config.load import flatten
from common.errors import UserError
from transfer.config import DecoderConfig, EncoderConfig, LabelConfig, LossConfig, TransferConfig
from transfer.study.initialisations import TRANSFERS, Initialisation, parse_inits

Fraction = Annotated[float, Field(gt=0, le=1)]
Rate = Annotated[float, Field(gt=0)]

OWN = {
    "epochs": "every training gets the same --updates",
    "epoch_updates": "every training gets the same --updates, scored --validations times",
    "patience": "every training gets all its --updates",
    "label_fraction": "name them with --label_fractions",
    "val_fraction": "validation is cut like training; --full_validation keeps all of it",
    "seed": "say how many with --seeds",
    "lr": "rates are searched for every start: --lrs",
    "encoder_lr_factor": "rates are searched for every start: --encoder_lr_factors",
    "pretrained_encoder": "name it among the --inits as NAME=FILE",
    "encoder": "name it among the --inits as imagenet_NAME or scratch_NAME",
    "encoder_weights": "name it among the --inits as imagenet_NAME or scratch_NAME",
    "transfer": f"name it among the --inits as NAME=FILE{' or NAME=FILE'.join(TRANSFERS)}",
    "save_every": "a study keeps no checkpoints on the way",
}
"""Settings of a training that a study chooses itself, and what to use in their place."""


@dataclass(frozen=True)
class StudyOptions:
    """Which starts are compared, on how many labels, and how often."""

    inits: tuple[str, ...] = ("scratch", "scratch_mobilenet_v2", "imagenet")
    """Starts: scratch, imagenet (MobileNetV2), imagenet_NAME and scratch_NAME of an encoder, NAME=ae.pth of your own,
    NAME=ae.pth+decoder with its decoder, NAME=ae.pth+outlines with its outlines too (--transfer)."""
    label_fractions: tuple[Fraction, ...] = (0.05, 0.1, 0.2, 0.5, 1.0)
    """Shares of the labels, the same nested subsets for every start."""
    seeds: Annotated[int, Field(ge=1)] = 5
    """Repetitions of every cell, each with its own subset, order and fresh weights."""
    updates: Annotated[int, Field(ge=1)] = 2000
    """Updates of every training, however many labels it has."""
    validations: Annotated[int, Field(ge=1)] = 20
    """Times in a training at which the validation images may choose its network."""
    lrs: tuple[Rate, ...] = (0.001, 0.003, 0.01)
    """Learning rates that are tried for every start."""
    encoder_lr_factors: tuple[Rate, ...] = (0.1, 0.3, 1.0)
    """Factors of a pretrained encoder's rate that are tried with each of them."""
    search_fraction: Fraction = 0.2
    """Share of the labels on which rates are tried, by the score on as large a share of the validation images."""
    full_validation: bool = False
    """Keep all validation images at every fraction; they are labels, and the table counts them."""
    doubling: bool = True
    """Train the first scratch start for twice the updates too, to show whether the budget starves it."""
    keep_checkpoints: bool = False
    """Keep best.pth of every training."""
    dry_run: bool = False
    """List what is still to be trained, with an estimate of the time, and stop."""
    table: bool = False
    """Write the table of what is there, and stop."""


@dataclass(frozen=True)
class StudyConfig:
    """Does pretraining help, by how much, at which number of labels, and how sure is that? Trains the same network
    from several starts on several shares of the labels, and answers in one sentence, a table and curves.

    Takes the settings of transfer.main but those that it chooses itself (epochs, lr, seed, label_fraction, the encoder:
    it names what to use in their place). The same command, again or twice at once, goes on with what is missing.
    """

    study: StudyOptions = StudyOptions()
    data: DataConfig = DataConfig()
    labels: LabelConfig = LabelConfig()
    encoder: EncoderConfig = EncoderConfig()
    decoder: DecoderConfig = DecoderConfig()
    model: UNetConfig = UNetConfig()
    loss: LossConfig = LossConfig()
    training: TrainingConfig = TransferConfig().training
    optim: OptimizerConfig = TransferConfig().optim
    augment: AugmentConfig = AugmentConfig()
    run: RunConfig = RunConfig(output_dir=Path("study"))

    def check(self) -> None:
        """Raise UserError for settings that a study chooses itself, and those that exclude each other."""
        ours, defaults = flatten(self), flatten(StudyConfig())
        for name, instead in OWN.items():
            if ours[name] != defaults[name]:
                raise UserError(f"--{name} is no setting of a study: {instead}")
        if self.run.overwrite:
            raise UserError("--overwrite is no setting of a study: remove its folder, or use another --output_dir")
        starts = parse_inits(self.study.inits)
        if len({start.name for start in starts}) < len(starts):
            raise UserError(f"--inits names a start twice: {' '.join(self.study.inits)}")
        if len(set(self.study.label_fractions)) < len(self.study.label_fractions):
            raise UserError(f"--label_fractions names a share twice: {' '.join(map(str, self.study.label_fractions))}")
        if self.study.updates % self.study.validations:
            raise UserError(
                f"--updates {self.study.updates} is no multiple of --validations {self.study.validations}: choose one"
            )
        for start in starts:
            self.training_of(start).check()

    @property
    def folder(self) -> Path:
        """Where the study is kept."""
        assert self.run.output_dir is not None, "it has a default"
        return self.run.output_dir

    def training_of(self, start: Initialisation) -> TransferConfig:
        """The settings of transfer.main for a start, before label fraction, seed and rates."""
        groups: dict[str, Any] = {name: getattr(self, name) for name in vars(TransferConfig())}
        return replace(TransferConfig(**groups), encoder=replace(self.encoder, **start.flags))
