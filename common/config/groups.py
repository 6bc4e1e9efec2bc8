"""The groups of settings that both phases share. Imports no torch, so that `--help` answers at once."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from common.errors import UserError

Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class DataConfig:
    """Which pictures."""

    data_dir: Path | None = None
    """Folder of the data, in any layout the README lists; without it, embedded synthetic pets."""
    download: bool = False
    """Fetch the Oxford-IIIT Pet data set (800 MB) into --data_dir, unless it is there."""
    image_size: Annotated[int, Field(ge=1)] = 128
    """Side in pixels that images are resized to; divisible by 32 and at least 64."""
    channels: Literal[1, 3, 4] = 3
    """Channels of an image: 3 reads colours, 1 grey values, 4 a file's own four."""
    classes: str = "auto"
    """What masks mean: auto, species (background, cat, dog), binary, or a YAML file of names and values."""
    split_seed: int = 0
    """Which images are held out for validation (and test, where the layout names none)."""
    val_share: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Share of the images held out for validation, where the layout names none; default 0.15, of a bare folder 0.05."""
    skip_bad_files: bool = False
    """Leave out images that cannot be read, and list them, where the run would stop."""
    synthetic_count: Annotated[int, Field(ge=20)] = 1000
    """Number of embedded synthetic pets."""
    cache_dir: Path | None = None
    """Folder of decoded images; default $RECON2SEG_CACHE or ~/.cache/recon2seg."""
    num_workers: Annotated[int, Field(ge=0)] = 0
    """Threads that decode images; 0 for one a core."""


@dataclass(frozen=True)
class AugmentConfig:
    """How training images are varied; 0 switches each off."""

    hflip: Share = 0.5
    """Probability of a horizontal flip."""
    vflip: Share = 0.0
    """Probability of a vertical flip."""
    rotate: Annotated[float, Field(ge=0, le=180)] = 15.0
    """Largest rotation, in degrees either way."""
    scale: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Largest change of size: 0.2 draws a factor from 0.8 to 1.2."""
    translate: Share = 0.1
    """Largest shift, as a fraction of the side."""
    jitter: Share = 0.2
    """Strength of changes of brightness, contrast, saturation and (a quarter of it) hue."""


@dataclass(frozen=True)
class UNetConfig:
    """The U-Net's own encoder; ignored where another is named or handed over, but for --decoder_dropout, which every
    fresh decoder takes (deeplabv3plus excepted).
    """

    widths: tuple[Annotated[int, Field(ge=1)], ...] = (32, 64, 128, 256, 512, 512)
    """Channels of the encoder's stages, finest first; every stage after the first halves the image."""
    norm: Literal["instance", "batch", "group"] = "batch"
    """Normalisation; instance takes brightness and contrast out of every map."""
    dropout: tuple[Share, ...] = (0.0, 0.0, 0.05, 0.10, 0.15, 0.15)
    """Spatial dropout of each stage."""
    down: Literal["stride", "max_pool"] = "stride"
    """How a stage halves its map: by the stride of its first convolution, or by 2x2 max pooling before it."""
    decoder_dropout: tuple[Share, ...] = (0.15, 0.10, 0.10, 0.05, 0.0)
    """Spatial dropout of each step of the decoder, deepest first."""

    def check(self) -> None:
        """Raise UserError unless every stage has its dropout."""
        if len(self.widths) != len(self.dropout) or len(self.widths) < 2:
            raise UserError(
                f"--widths names {len(self.widths)} stages and --dropout {len(self.dropout)}: "
                "give both as many values, at least 2"
            )


@dataclass(frozen=True)
class TrainingConfig:
    """How long, and how fast."""

    epochs: Annotated[int, Field(ge=1)]
    """Epochs at most; each is a pass over the training images unless --epoch_updates says otherwise."""
    batch_size: Annotated[int, Field(ge=2)]
    """Images in a batch."""
    lr: Annotated[float, Field(gt=0)]
    """Learning rate at its highest."""
    weight_decay: Annotated[float, Field(ge=0)]
    """Weight decay."""
    patience: Annotated[int, Field(ge=1)]
    """Epochs without a better validation score after which the run stops."""
    epoch_updates: Annotated[int, Field(ge=0)] = 0
    """Updates in an epoch, however many images there are (passes over them follow each other); 0 for one pass."""
    clip_norm: Annotated[float, Field(ge=0)] = 0.0
    """Largest norm of the gradient; 0 for no clipping."""
    accumulate: Annotated[int, Field(ge=1)] = 1
    """Batches whose gradients make one update."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay per update of an average of the weights that is scored and kept in their place; 0 for none."""
    compile: bool = False
    """Compile the network with torch.compile while training; needs a C++ compiler."""


@dataclass(frozen=True)
class OptimizerConfig:
    """What moves the weights, and how its rate changes."""

    optimizer: Literal["sgd", "adam", "adamw"]
    """sgd (Nesterov momentum), adam (decay as an L2 term), or adamw (decay apart from the gradient)."""
    schedule: Literal["poly", "cosine", "constant"]
    """How the rate falls from --lr, at every update."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.99
    """sgd: momentum. At 0.99 it makes a rate 100 times as effective, at 0.9 10 times."""
    poly_power: Annotated[float, Field(ge=0)] = 0.9
    """poly: power of the decay; 0 keeps the rate constant."""
    min_lr: Annotated[float, Field(ge=0)] = 0.0
    """poly, cosine: learning rate at the last update."""
    warmup_epochs: Annotated[float, Field(ge=0)] = 0.0
    """Epochs in which the rate grows linearly from 0; may be a fraction."""


@dataclass(frozen=True)
class RunConfig:
    """Where results go, and on what the run runs."""

    config: Path | None = None
    """YAML file of settings, keys equal to the flags; flags win over it."""
    output_dir: Path | None = None
    """Folder of the run; default runs/<phase>-<time>."""
    resume: bool = False
    """Continue the run in --output_dir from its last epoch."""
    overwrite: bool = False
    """Replace the run in --output_dir."""
    save_every: Annotated[int, Field(ge=0)] = 10
    """Keep a checkpoint every so many epochs; 0 keeps only best.pth and last.pth."""
    report: bool = True
    """At the end, draw figures/ and write report.html, one page that opens anywhere."""
    logger: Literal["none", "wandb"] = "none"
    """Where a run can be watched beside TensorBoard: wandb is Weights & Biases (WANDB_MODE=offline keeps it here)."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of everything drawn at random; equal seeds give equal bits on one CPU with as many threads."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps."""
    amp: bool = False
    """Mixed precision."""
    amp_dtype: Literal["bf16", "fp16"] = "bf16"
    """Number format of mixed precision; fp16 needs a GPU."""

    def check(self) -> None:
        """Raise UserError for a device that does not exist, and mixed precision that it can't do."""
        if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", self.device):
            raise UserError(f"--device is {self.device!r}: it is one of auto, cpu, cuda, cuda:1, mps")
        if self.amp and self.amp_dtype == "fp16" and self.device == "cpu":
            raise UserError("--amp_dtype fp16 does not work on a CPU: use --amp_dtype bf16, or a GPU")
        if self.resume and self.overwrite:
            raise UserError("--resume and --overwrite exclude each other: leave one of them out")
