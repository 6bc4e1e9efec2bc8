"""The groups of settings that both phases share. Imports no torch, so that `--help` answers at once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from common.config.lenient import ScaleRange, number_of_states, several, text_of_number
from common.errors import UserError
from common.words import counted

Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class DataConfig:
    """Images and masks: where they are, and how they are read."""

    BEFORE: ClassVar[Mapping[str, Any]] = {"fit": "squash"}

    data_dir: Path | None = None
    """Folder of the data, or in phase 1 tar files (docs/data.md); default embedded synthetic pets."""
    download: bool = False
    """Download the Oxford-IIIT Pet data set (800 MB) into --data_dir unless it is there."""
    image_size: Annotated[int, Field(ge=1)] = 128
    """Side in pixels of the squares that the network is trained on; a multiple of 32, at least 64."""
    fit: Literal["auto", "crop", "pad", "squash"] = "auto"
    """Images become squares: crops at own size, padded, or squashed; auto is crop or squash by the data."""
    scale_to: Annotated[int, Field(ge=1, le=2**16)] | None = None
    """Short side in pixels to which images are resized before they are cropped; default their own."""
    crop_scale: ScaleRange = (1.0, 1.0)
    """Least and largest scale of training crops; a single number is the least, and 1 over it the largest."""
    channels: Literal[1, 3, 4] = 3
    """Channels of an image: 1 grey, 3 RGB, or 4 as in the file."""
    classes: str = "auto"
    """Classes: auto, species (background, cat, dog), binary, or a YAML file of names and values."""
    images: str = ""
    """Pattern of the images in --data_dir, such as 'scans/*.png'; default by the layout."""
    masks: str = ""
    """Pattern of the masks there, such as 'truth/{stem}_gt.png', with the {stem} of the image's name."""
    join: Literal["later", "union"] | None = None
    """Several masks of an image: a later one covers an earlier one, or all are one foreground."""
    pages: Literal["refuse", "first", "all"] = "refuse"
    """Stacks and animations: refuse them, take the first picture of each, or all as images."""
    split_seed: int = 0
    """Seed of the split into training, validation and test images."""
    val_share: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Share of the images held out for validation; default 0.15, without masks 0.05."""
    skip_bad_files: bool = False
    """Skip unreadable images, and list them, instead of stopping."""
    synthetic_count: Annotated[int, Field(ge=20)] = 1000
    """Number of embedded synthetic pets."""
    cache_dir: Path | None = None
    """Folder of decoded images; default $RECON2SEG_CACHE or ~/.cache/recon2seg."""
    num_workers: Annotated[int, Field(ge=0)] = 0
    """Threads that decode images; 0 for one per core."""
    verify_data: bool = False
    """Read every file again; else one of the same size, times and inode as before is taken as read."""

    @property
    def of_crops(self) -> tuple[str, ...]:
        """The settings here that are for crops alone, and are given."""
        given = {"scale_to": self.scale_to is not None, "crop_scale": self.crop_scale != (1.0, 1.0)}
        return tuple(name for name, is_given in given.items() if is_given)

    def check(self) -> None:
        """Raise UserError for settings of crops beside another fit."""
        if self.of_crops and self.fit in ("pad", "squash"):
            raise UserError(f"--{self.of_crops[0]} is for crops, and --fit is {self.fit}: give --fit crop")


@dataclass(frozen=True)
class LabelledDataConfig(DataConfig):
    """Images and masks: where they are, how they are read, and how they are split for cross-validation."""

    folds: Annotated[int, Field(ge=2)] | None = None
    """Cross-validate with as many trainings, each image tested once; 5 suits small sets."""
    fold: Annotated[int, Field(ge=1)] | None = None
    """Train one of the --folds alone, counted from 1."""

    @property
    def all_folds(self) -> bool:
        """Whether one training after the other is wanted."""
        return self.folds is not None and self.fold is None

    def check(self) -> None:
        """Raise UserError for a fold that there is not, and as `DataConfig.check`."""
        super().check()
        if self.fold is not None and (self.folds is None or self.fold > self.folds):
            raise UserError(f"--fold {self.fold} is one of --folds: give --folds {max(self.fold, 2)} or more")


@dataclass(frozen=True)
class AugmentConfig:
    """Augmentation of the training images; 0 switches each off."""

    hflip: Share = 0.5
    """Probability of a horizontal flip."""
    vflip: Share = 0.0
    """Probability of a vertical flip."""
    rotate: Annotated[float, Field(ge=0, le=180)] = 15.0
    """Largest rotation in degrees, either way."""
    scale: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Largest change of size: 0.2 draws a factor from 0.8 to 1.2."""
    translate: Share = 0.1
    """Largest shift as a fraction of the side."""
    jitter: Share = 0.2
    """Strength of changes of brightness, contrast and saturation, and a quarter of it for hue."""

    @property
    def mirrors_alone(self) -> bool:
        """Whether an image becomes itself or its mirror image, and nothing else."""
        return not any((self.vflip, self.rotate, self.scale, self.translate, self.jitter))


@dataclass(frozen=True)
class UNetConfig:
    """The U-Net encoder trained from scratch."""

    widths: tuple[Annotated[int, Field(ge=1)], ...] = (32, 64, 128, 256, 512, 512)
    """Channels of the encoder stages, finest first; each stage but the first halves the image."""
    norm: Literal["instance", "batch", "group"] = "batch"
    """Normalisation of the encoder; instance removes brightness and contrast from every map."""
    dropout: tuple[Share, ...] = (0.0, 0.0, 0.05, 0.10, 0.15, 0.15)
    """Spatial dropout of each encoder stage, finest first; the default is cut or goes on with its last."""
    down: Literal["stride", "max_pool"] = "stride"
    """Downsampling of a stage: a strided first convolution, or 2x2 max pooling before it."""

    @property
    def rates(self) -> tuple[float, ...]:
        """The dropout of each stage: the default rates are those of six, and fit any number."""
        usual = (*UNetConfig.dropout, *UNetConfig.dropout[-1:] * len(self.widths))
        return usual[: len(self.widths)] if self.dropout == UNetConfig.dropout else self.dropout

    def check(self) -> None:
        """Raise UserError unless there are two stages, and each has its dropout."""
        if len(self.widths) != len(self.rates) or len(self.widths) < 2:
            raise UserError(f"{len(self.widths)} --widths, {len(self.rates)} --dropout: give both as many, at least 2")


@dataclass(frozen=True)
class DecoderConfig:
    """The decoder trained from scratch."""

    decoder_dropout: tuple[Share, ...] = (0.15, 0.10, 0.10, 0.05, 0.0)
    """Spatial dropout of each decoder step, deepest first; deeplabv3plus has none."""


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Length of the training, batches and learning rate; without a length it follows from the images."""

    epochs: Annotated[int, Field(ge=0)] = 0
    """Passes over the images; validations beside --updates or --minutes; 0: by the number of images."""
    updates: Annotated[tuple[Annotated[int, Field(ge=1)], ...], BeforeValidator(several)] = ()
    """Updates of the whole training, or of each of its epochs; the learning rate falls over all of them."""
    minutes: Annotated[float, Field(ge=0)] = 0.0
    """Minutes of the whole command, over which the learning rate falls; 0 for none, 50 without a length."""
    batch_size: Annotated[int, Field(ge=2)]
    """Images per batch; less where there are fewer training images."""
    lr: Annotated[float, Field(gt=0)]
    """Peak learning rate."""
    weight_decay: Annotated[float, Field(ge=0)]
    """Weight decay."""
    patience: Annotated[int, Field(ge=0)] = 0
    """Epochs without a better validation score before the run stops; 0 to train to the end."""
    epoch_updates: Annotated[int, Field(ge=0)] = 0
    """Updates per epoch, whatever the number of images; 0 for one pass over them."""
    clip_norm: Annotated[float, Field(ge=0)] = 0.0
    """Largest norm of the gradient; 0 for no clipping."""
    on_nonfinite: Literal["stop", "skip"] = "stop"
    """At a loss or gradient that is not finite: stop, or skip the batch, naming its images."""
    accumulate: Annotated[int, Field(ge=1)] = 1
    """Batches whose gradients make one update."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay per update of a weight average, which is scored and saved instead; 0 for none."""
    compile: bool = False
    """Compile the network with torch.compile; needs a C++ compiler."""

    def check(self) -> None:
        """Raise UserError for lengths that exclude each other."""
        if self.epoch_updates and (self.updates or self.minutes):
            raise UserError("--epoch_updates belongs to --epochs: give --updates or --minutes without it")
        if len(self.updates) > 1 and self.epochs not in (0, len(self.updates)):
            raise UserError(f"--updates names {counted(len(self.updates), 'epoch')}: leave out --epochs {self.epochs}")


@dataclass(frozen=True)
class OptimizerConfig:
    """The optimizer and the schedule of its learning rate."""

    optimizer: Literal["sgd", "adam", "adamw"]
    """sgd (Nesterov momentum), adam (L2 weight decay) or adamw (decoupled weight decay)."""
    schedule: Literal["poly", "cosine", "constant"]
    """Decay of the learning rate from --lr, at every update."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.99
    """Momentum of sgd: 0.99 makes a rate 100 times as effective, 0.9 10 times."""
    poly_power: Annotated[float, Field(ge=0)] = 0.9
    """Power of the poly schedule; 0 keeps the rate constant."""
    min_lr: Annotated[float, Field(ge=0)] = 0.0
    """Learning rate at the last update of poly and cosine."""
    warmup_epochs: Annotated[float, Field(ge=0)] = 0.0
    """Epochs of linear warm-up from 0; may be a fraction."""


@dataclass(frozen=True)
class RunConfig:
    """The folder of the run, its records, and the device."""

    config: Path | None = None
    """YAML file of settings; its keys are the flags, and flags win over it."""
    recipe: str | None = None
    """File of settings that comes with the program, by its name; --list_recipes names them."""
    output_dir: Path | None = None
    """Folder of the run; without it runs/<phase>-<time>."""
    resume: bool = False
    """Continue the run in --output_dir from its last epoch."""
    overwrite: bool = False
    """Replace the run in --output_dir."""
    save_every: Annotated[int, Field(ge=0)] = 10
    """Epochs between kept networks (epoch_0010.pth, ...); 0 keeps only best.pth beside the states."""
    keep_checkpoints: Annotated[int, Field(ge=1), BeforeValidator(number_of_states)] = 2
    """Newest training states kept (last.pth, last-1.pth, ...); --resume takes the first that is whole."""
    report: bool = True
    """Write figures/ and report.html, one self-contained page, at the end."""
    logger: Literal["none", "wandb", "mlflow"] = "none"
    """Logger beside TensorBoard: Weights & Biases (WANDB_MODE=offline stays local), or MLflow."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Random seed; equal seeds give equal bits on one CPU with as many --threads."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """Number format of the network's layers; auto is fp32, or that of --amp; fp16 needs a GPU."""
    threads: Annotated[str, BeforeValidator(text_of_number)] = "auto"
    """Threads of the CPU; auto takes the fastest of one and one per core, timed before the first update."""
    amp: bool = False
    """Mixed precision where the device is faster in it; --precision insists."""
    amp_dtype: Literal["bf16", "fp16"] = "bf16"
    """Number format of --amp."""

    def check(self) -> None:
        """Raise UserError for a device that does not exist, and mixed precision that it can't do."""
        if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", self.device):
            raise UserError(f"--device is {self.device!r}: it is one of auto, cpu, cuda, cuda:1, mps")
        if self.device == "cpu":
            self.refuse_fp16()
        if not re.fullmatch(r"auto|[1-9]\d{0,3}", self.threads):
            raise UserError(f"--threads is {self.threads!r}: it is auto, or a whole number from 1")
        if self.resume and self.overwrite:
            raise UserError("--resume and --overwrite exclude each other: leave one of them out")

    def refuse_fp16(self) -> None:
        """Raise UserError where fp16 is wanted; call it for a CPU."""
        by_amp = self.precision == "auto" and self.amp and self.amp_dtype == "fp16"
        if by_amp or self.precision == "fp16":
            flag = "--amp_dtype" if by_amp else "--precision"
            raise UserError(f"{flag} fp16 does not work on a CPU: use {flag} bf16, or a GPU")
