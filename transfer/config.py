"""Everything that can be set in phase 2, and its defaults."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from common.config import groups
from common.config.encoder import NamedEncoderConfig
from common.config.groups import (
    AugmentConfig,
    LabelledDataConfig,
    OptimizerConfig,
    RunConfig,
    TrainingConfig,
    UNetConfig,
)
from common.config.ranks import RanksConfig
from common.errors import UserError
from common.models.parts import DecoderName
from common.run.parts import Transfer
from transfer.pool.config import PoolConfig

Weight = Annotated[float, Field(ge=0)]
HANDED_OVER = {"ae.pth", "best.pth"}
"""Names of files that bring their own architecture; what other files are is only seen when they are read."""


@dataclass(frozen=True)
class LabelConfig:
    """Use of the masks."""

    label_fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the training images that keep their mask; nested, stratified, drawn per --seed."""
    val_fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the validation images that keep their mask."""
    balanced_sampling: bool = False
    """Draw a class, then an image that contains it, so that rare classes are seen as often."""
    calibrate: bool = True
    """Fit one temperature of the probabilities on the validation images, from 8 of them on."""


@dataclass(frozen=True)
class EncoderConfig(NamedEncoderConfig):
    """Origin of the encoder, and its learning rate; without a flag it is a U-Net from scratch."""

    pretrained_encoder: Path | None = None
    """ae.pth, best.pth or run folder of pretrain.main; brings its own architecture."""
    init_from: Path | None = None
    """best.pth or run folder of transfer.main that is trained further; brings its whole network."""
    like: Path | None = None
    """ae.pth or run folder whose network is trained from fresh weights: its baseline from scratch."""
    OLD_VALUES: ClassVar[Mapping[str, Mapping[str, str]]] = {"transfer": {"all": "encoder+decoder"}}

    transfer: Transfer = "auto"
    """Parts to load: auto (as their file says), encoder, encoder+decoder, or with head: outlines."""
    freeze_epochs: Annotated[int, Field(ge=0)] = 0
    """Epochs with a frozen pretrained encoder, normalisation statistics included."""
    encoder_lr_factor: Annotated[float, Field(gt=0)] | None = None
    """Rate of pretrained parts over --lr; 0.3 for your run (pseudo-masks with photographs 1), else 0.1."""
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Factor of the learning rate from one pretrained encoder level to the next finer one."""
    thaw_every: Annotated[int, Field(ge=0)] = 0
    """Epochs between unfreezing encoder levels, coarsest first; 0 unfreezes all at once."""

    def refuse_decoder(self, path: Path) -> None:
        """Raise UserError where a decoder is wanted of a file that holds an encoder alone."""
        if self.transfer not in ("auto", "encoder"):
            raise UserError(f"{path} holds an encoder alone: leave --transfer {self.transfer} out")


@dataclass(frozen=True)
class DecoderConfig(groups.DecoderConfig):
    """The segmentation decoder; --transfer encoder+decoder and outlines bring their own."""

    decoder: DecoderName = "unet"
    """unet (with skips), deeplabv3plus, or without skips conv_transpose, transpose, bilinear."""
    up: Literal["bilinear", "nearest", "transpose"] = "bilinear"
    """Upsampling of the unet decoder; transpose is a learnt 2x2 convolution of stride 2."""
    decoder_widths: tuple[Annotated[int, Field(ge=1)], ...] | None = None
    """Channels of the decoder steps, deepest first; default follows the encoder."""
    decoder_norm: Literal["instance", "batch", "group"] = "batch"
    """Normalisation of the unet decoder."""
    one_logit: bool = False
    """Predict two classes by one output, the logit of the second, instead of two."""

    @property
    def another(self) -> bool:
        """Whether it can't be the decoder of a pretraining."""
        return self.decoder_widths is not None or self.decoder != "unet"


@dataclass(frozen=True)
class LossConfig:
    """A weighted sum of segmentation losses; weight 0 leaves one out."""

    REMOVED: ClassVar[Mapping[str, Any]] = {"focal_gamma": 2.0, "bce_on": "logits"}

    dice_weight: Weight = 1.0
    """Weight of the Dice loss."""
    ce_weight: Weight = 1.0
    """Weight of the cross-entropy."""
    focal_weight: Weight = 0.0
    """Weight of the focal loss."""
    bce_weight: Weight = 0.0
    """Weight of the binary cross-entropy, for two classes."""
    weighted_ce: bool = True
    """Weigh the classes in cross-entropy and focal loss (--class_weights)."""
    class_weights: Literal["moving", "data", "fixed"] = "moving"
    """Rarity of a class in the batches (moving average), rarity in the data, or given weights."""
    fixed_class_weights: tuple[Weight, ...] | None = None
    """Weights for --class_weights fixed, one per class, in the order of their names."""


@dataclass(frozen=True)
class TransferConfig:
    """Train a segmentation network on images with masks, from a pretrained encoder or from scratch."""

    RECIPES: ClassVar[str] = "transfer"
    RIVALS: ClassVar[Sequence[str]] = ("pretrained_encoder", "init_from", "like", "encoder")
    """Where the network comes from: a flag of them replaces the others that a file of settings has."""
    EXAMPLES: ClassVar[Sequence[str]] = (
        "python -m transfer.main --pretrained_encoder ae.pth",
        "python -m transfer.main --data_dir data --pretrained_encoder runs/ae",
        "python -m transfer.main --data_dir data --encoder mobilenet_v2 --epochs 50",
    )
    COMMON: ClassVar[Sequence[str]] = (
        "data_dir",
        "image_size",
        "classes",
        "output_dir",
        "resume",
        "config",
        "recipe",
        "device",
        "pretrained_encoder",
        "unlabelled_dir",
        "init_from",
        "encoder",
        "label_fraction",
        "folds",
        "epochs",
        "lr",
        "seed",
    )

    data: LabelledDataConfig = LabelledDataConfig()
    run: RunConfig = RunConfig()
    encoder: EncoderConfig = EncoderConfig()
    decoder: DecoderConfig = DecoderConfig()
    model: UNetConfig = UNetConfig()
    training: TrainingConfig = TrainingConfig(batch_size=16, lr=0.003, weight_decay=3e-5)
    loss: LossConfig = LossConfig()
    labels: LabelConfig = LabelConfig()
    pool: PoolConfig = PoolConfig()
    optim: OptimizerConfig = OptimizerConfig(optimizer="adamw", schedule="poly")
    augment: AugmentConfig = AugmentConfig()
    ranks: RanksConfig = RanksConfig()

    def check(self) -> None:
        """Raise UserError for settings that exclude each other."""
        self.run.check()
        self.data.check()
        self.model.check()
        self.training.check()
        self.ranks.check()
        source = self.encoder
        ours, named = source.pretrained_encoder, source.encoder
        if ours is not None and named is not None and (ours.is_dir() or ours.name in HANDED_OVER):
            raise UserError(f"--pretrained_encoder and --encoder {named} both name an encoder: leave one of them out")
        if source.like is not None and (source.pretrained_encoder or source.encoder):
            raise UserError("--like names an encoder, too: leave --pretrained_encoder and --encoder out")
        others = {"pretrained_encoder": source.pretrained_encoder, "encoder": source.encoder, "like": source.like}
        if source.init_from is not None and any(others.values()):
            named = ", ".join(f"--{name}" for name, value in others.items() if value)
            raise UserError(f"--init_from brings the whole network of a run: leave {named} out")
        decoder = source.transfer not in ("auto", "encoder")
        if decoder and source.pretrained_encoder is None and source.like is None:
            raise UserError(
                f"--transfer {source.transfer} takes the decoder of a pretraining too: name its ae.pth "
                "(--pretrained_encoder)"
            )
        if decoder and self.decoder.another:
            raise UserError(
                f"--transfer {source.transfer} brings a decoder of its own: leave --decoder and --decoder_widths out"
            )
        if self.pool.unlabelled_dir is not None and self.training.ema:
            raise UserError("--unlabelled_dir averages the weights already (--pool_teacher): leave --ema out")
        loss = self.loss
        if not any(value for name, value in vars(loss).items() if name.endswith("_weight")):
            raise UserError("all loss weights are 0: set --dice_weight or --ce_weight above 0")
        if (loss.class_weights == "fixed") != (loss.fixed_class_weights is not None):
            raise UserError("--class_weights fixed and --fixed_class_weights belong together: give both, or neither")
        if loss.fixed_class_weights is not None and not any(loss.fixed_class_weights):
            raise UserError("all --fixed_class_weights are 0: give at least one class a weight above 0")
