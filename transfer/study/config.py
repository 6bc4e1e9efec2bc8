"""The settings of `python -m transfer.study`. Imports no torch, so that `--help` answers at once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from common.config.groups import (
    AugmentConfig,
    LabelledDataConfig,
    OptimizerConfig,
    RunConfig,
    TrainingConfig,
    UNetConfig,
)
from common.config.load import flatten, read_yaml, unflatten
from common.errors import UserError
from transfer.config import DecoderConfig, EncoderConfig, LabelConfig, LossConfig, TransferConfig
from transfer.pool.config import PoolConfig
from transfer.study.initialisations import POOL, TRANSFERS, Initialisation, parse_initialisations

Fraction = Annotated[float, Field(gt=0, le=1)]
Rate = Annotated[float, Field(gt=0)]
Masks = Annotated[str, BeforeValidator(str), Field(pattern=r"^([1-9]\d*|all)$")]
COUNTS, LEAST_SEARCHED = (12, 25, 50, 100), 50
"""Numbers of training masks of a study that names none, and how many of them rates are tried on."""

OWN = {
    "epochs": "every run has the same --updates",
    "epoch_updates": "every run has the same --updates, and --validations validations",
    "minutes": "every run has the same --updates",
    "patience": "every run has all its --updates",
    "label_fraction": "name them with --label_fractions",
    "val_fraction": "validation images are cut like training images; --full_validation keeps all",
    "seed": "say how many with --seeds",
    "lr": "rates are searched for every initialisation: --lrs",
    "encoder_lr_factor": "rates are searched for every initialisation: --encoder_lr_factors",
    "pretrained_encoder": "name it among the --initialisations as NAME=FILE",
    "init_from": "a study compares what networks begin with; transfer.main trains one further",
    "encoder": "name it among the --initialisations as imagenet_NAME or scratch_NAME",
    "encoder_weights": "name it among the --initialisations as imagenet_NAME or scratch_NAME",
    "transfer": f"name it among the --initialisations as NAME=FILE{' or NAME=FILE'.join(TRANSFERS)}",
    "fold": "a study trains every one of --folds",
    "like": "scratch has the network of the first ae.pth among the --initialisations",
    "save_every": "a study keeps no intermediate checkpoints",
    "keep_checkpoints": "a study keeps no states; --keep_best keeps the best.pth of every run",
}
"""Settings of a training that a study chooses itself, and what to use in their place."""
OLD_DEFAULTS = {"epochs": 200, "patience": 15, "transfer": "encoder"}
"""What studies of older versions recorded of these: to no effect, but for what NAME=FILE takes without a suffix."""


@dataclass(frozen=True)
class StudyOptions:
    """The initialisations to compare, the shares of the labels, and the budget of every run."""

    ALIASES: ClassVar[Mapping[str, str]] = {"inits": "initialisations", "doubling": "double_budget"}

    initialisations: tuple[str, ...] = ("scratch", "scratch_mobilenet_v2", "imagenet")
    """scratch, imagenet, scratch_X, imagenet_X or NAME=FILE[+encoder|+decoder|+outlines]; each with +pool."""
    label_counts: tuple[Masks, ...] | None = None
    """Training masks: numbers, and all; default those of 12 25 50 100 that the data has, and all."""
    label_fractions: tuple[Fraction, ...] | None = None
    """Shares of the labels in place of --label_counts; the same nested subsets for every initialisation."""
    seeds: Annotated[int, Field(ge=1)] = 5
    """Repetitions of every trial, each with its own subset, order and fresh weights."""
    validations: Annotated[int, Field(ge=1)] = 20
    """Number of validations per run; the best one selects the checkpoint."""
    lrs: tuple[Rate, ...] = (0.001, 0.003, 0.01)
    """Learning rates to try for every initialisation."""
    encoder_lr_factors: tuple[Rate, ...] = (0.1, 0.3, 1.0)
    """Factors of a pretrained encoder's learning rate to try with each of --lrs."""
    search_fraction: Fraction | None = None
    """Share of the labels on which the rates are tried; default 0.2, and at least 50 masks."""
    full_validation: bool = False
    """Keep all validation images at every share of the labels; they are labels too."""
    double_budget: bool = True
    """Also train the scratch baseline for twice the updates, to check that the budget is sufficient."""
    keep_best: bool = False
    """Keep best.pth of every run."""
    dry_run: bool = False
    """List the missing runs with an estimate of the time, and stop."""
    table: bool = False
    """Write the table of the finished runs, and stop."""
    worker: bool = False
    """Help to train the study in --output_dir, from another machine or beside it; write no table."""


@dataclass(frozen=True)
class StudyRunConfig(RunConfig):
    """The folder of the study, its records, and the device."""

    output_dir: Path | None = Path("study")
    """Folder of the study, which several processes may share."""
    resume: bool = False
    """Continue the study in --output_dir with the settings that it was begun with."""


@dataclass(frozen=True)
class StudyConfig:
    """Measure whether pretraining helps: train from several initialisations on several shares of the labels. The same
    command, again or twice at once, continues.

    Takes the settings of transfer.main but for those that it chooses itself (`OWN`).
    """

    HIDDEN: ClassVar[Collection[str]] = {*OWN, "overwrite"}
    RIVALS: ClassVar[Sequence[str]] = ("label_counts", "label_fractions")
    RIVALS_ON_RESUME: ClassVar[Sequence[str]] = RIVALS
    RECIPES: ClassVar[str] = "study"
    EXAMPLES: ClassVar[Sequence[str]] = (
        "python -m transfer.study --data_dir data --initialisations scratch imagenet",
        "python -m transfer.study --data_dir data --initialisations scratch own=ae.pth",
        "python -m transfer.study --config configs/study/pets.yaml --dry_run",
    )
    COMMON: ClassVar[Sequence[str]] = (
        "initialisations",
        "label_counts",
        "folds",
        "seeds",
        "updates",
        "lrs",
        "dry_run",
        "table",
        "worker",
        "data_dir",
        "image_size",
        "output_dir",
        "config",
        "recipe",
    )

    study: StudyOptions = StudyOptions()
    data: LabelledDataConfig = LabelledDataConfig()
    run: StudyRunConfig = StudyRunConfig()
    encoder: EncoderConfig = EncoderConfig()
    decoder: DecoderConfig = DecoderConfig()
    model: UNetConfig = UNetConfig()
    training: TrainingConfig = replace(TransferConfig().training, updates=(2000,))
    loss: LossConfig = LossConfig()
    labels: LabelConfig = LabelConfig()
    pool: PoolConfig = PoolConfig()
    optim: OptimizerConfig = TransferConfig().optim
    augment: AugmentConfig = AugmentConfig()

    def check(self) -> None:
        """Raise UserError for settings that a study chooses itself, and those that exclude each other."""
        ours, defaults = flatten(self), flatten(StudyConfig())
        for name, instead in OWN.items():
            if ours[name] not in (defaults[name], OLD_DEFAULTS.get(name, defaults[name])):
                raise UserError(f"--{name} is not a setting of a study: {instead}")
        if self.run.overwrite:
            raise UserError("--overwrite is not a setting of a study: remove its folder, or use another --output_dir")
        if self.study.worker and (self.study.table or self.study.dry_run):
            raise UserError("--worker only trains: leave it out for --table or --dry_run")
        starts = self.starts
        if len({start.name for start in starts}) < len(starts):
            raise UserError(f"--initialisations has a name twice: {' '.join(self.study.initialisations)}")
        if (self.pool.unlabelled_dir is None) == any(start.pool for start in starts):
            raise UserError(
                f"--unlabelled_dir names the photographs of --initialisations that end in {POOL}, such as "
                f"imagenet{POOL}: give both, or neither"
            )
        fractions, counts = self.study.label_fractions or (), self.study.label_counts or ()
        if len(set(fractions)) < len(fractions):
            raise UserError(f"--label_fractions has a share twice: {' '.join(map(str, fractions))}")
        if len(set(counts)) < len(counts):
            raise UserError(f"--label_counts has a number twice: {' '.join(counts)}")
        if counts and fractions:
            raise UserError("--label_counts and --label_fractions exclude each other: leave one of them out")
        if self.updates % self.study.validations:
            raise UserError(
                f"--updates {self.updates} is no multiple of --validations {self.study.validations}: change one"
            )
        for start in starts:
            self.training_of(start).check()

    @property
    def starts(self) -> list[Initialisation]:
        """The initialisations. Raises UserError for a word that is not understood."""
        return parse_initialisations(self.study.initialisations, self.encoder.transfer)

    def as_begun(self) -> "StudyConfig":
        """The same with what NAME=FILE means without a suffix in the study that goes on: before 0.4 the encoder."""
        saved = self.folder / "config.yaml"
        if not saved.exists():
            return self
        before = unflatten(StudyConfig, {"transfer": "encoder", **read_yaml(saved)}, source=saved)
        return replace(self, encoder=replace(self.encoder, transfer=before.encoder.transfer))

    def of(self, masks: int) -> "StudyConfig":
        """The same with shares of the labels that fit so many training masks. Raises UserError for more than those."""
        options, fractions = self.study, self.study.label_fractions
        if fractions is None:
            counts = [masks if word == "all" else int(word) for word in options.label_counts or ()]
            if counts and max(counts) > masks:
                raise UserError(f"--label_counts {max(counts)}: there are {masks} training masks; say all, or fewer")
            counts = counts or [*(count for count in COUNTS if 1.25 * count <= masks), masks]
            fractions = tuple(count / masks for count in dict.fromkeys(counts))
        search = options.search_fraction or min(max(0.2, LEAST_SEARCHED / masks), 1.0)
        chosen = replace(options, label_counts=None, label_fractions=fractions, search_fraction=search)
        return replace(self, study=chosen)

    @property
    def updates(self) -> int:
        """Updates of every run, whatever its number of labels."""
        return sum(self.training.updates)

    @property
    def folder(self) -> Path:
        """Where the study is kept."""
        assert self.run.output_dir is not None, "it has a default"
        return self.run.output_dir

    def training_of(self, start: Initialisation) -> TransferConfig:
        """The settings of transfer.main for a start, before label fraction, seed and rates."""
        theirs = vars(TransferConfig())  # each trial is one process: --devices is not the study's
        groups: dict[str, Any] = {name: group for name, group in vars(self).items() if name in theirs}
        pool = self.pool if start.pool else replace(self.pool, unlabelled_dir=None)
        return replace(TransferConfig(**groups), encoder=replace(self.encoder, **start.flags), pool=pool)

    def trained(self, start: Initialisation, lr: float, encoder_lr_factor: float | None) -> TransferConfig:
        """The settings of transfer.main for a start with its rates and the study's budget, on all labels."""
        base, validations = self.training_of(start), self.study.validations
        plan = {"epochs": validations, "epoch_updates": self.updates // validations, "updates": (), "lr": lr}
        encoder = replace(base.encoder, encoder_lr_factor=encoder_lr_factor)
        return replace(base, encoder=encoder, training=replace(base.training, **plan))
