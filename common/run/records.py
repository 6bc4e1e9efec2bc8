"""What a handover file says of its network: how it was trained, on what, and whose labels helped.

In a file each record is plain data, under the names that format version 1 gave it; `common.run.plain_data` reads and
writes it.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_serializer, model_validator

from common.run.label_use import TeacherRecord
from common.run.parts import Taken
from common.run.plain_data import Count, Finite
from common.words import counted

LATER = {"began_with", "unknown_labels", "best_as", "teacher", "picture"}
"""Entries of a pretraining's record that files have where they say something; older versions wrote none of them."""


@dataclass(frozen=True, kw_only=True)
class PretrainingRecord:
    """What phase 1 taught an autoencoder."""

    pretext: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    """The settings of the pretext, and the weights of side objectives that have no field here, by their flags."""
    target: str = "image"
    """What it regressed: image, hog or features; else the name of the one side objective that it was trained on."""
    pseudo_mask_weight: Annotated[float, Field(alias="saliency_weight")] = 0.0
    pseudo_mask_from: Annotated[str, Field(alias="saliency_from")] = "colours"
    """The seeds of its pseudo-masks: colours, or start_from for the autoencoder in `before`."""
    contrast_weight: float = 0.0
    skips: str = "all"
    norm: str = "instance"
    perceptual: str | None = None
    """The perceptual network, with the origin of its weights; None without one."""
    uses_imagenet_labels: bool = False
    """Whether ImageNet labels helped, in this training or before it."""
    uses_labels: bool = False
    """Whether a linear probe's labels chose the best epoch, in this training or before it."""
    before: "PretrainingRecord | None" = None
    """The training of the autoencoder that it began with."""
    began_with: str = ""
    """ImageNet, or the file of weights, that its encoder began with; "" from scratch, and with an autoencoder."""
    unknown_labels: bool = False
    """Whether a file helped that does not say whose labels taught it, in this training or before it."""
    teacher: TeacherRecord | None = None
    """The network whose features were the target; None without one, and in files of older versions."""
    best_as: Taken | None = None
    """What phase 2 is best given of it, as --transfer; None in files of older versions."""
    picture: str = ""
    """The terms by which the decoder beside the task learnt to paint; no label in them reached the encoder."""

    @property
    def advised(self) -> Taken:
        """What --transfer auto takes: what the file says, else outlines where it learnt pseudo-masks alone."""
        return self.best_as or ("outlines" if self.target == "saliency" else "encoder")

    @property
    def origin(self) -> str:
        """What the first of the trainings began with; "" from scratch."""
        return self.began_with or (self.before.origin if self.before is not None else "")

    @model_serializer(mode="wrap")
    def _as_before(self, dump: Callable[["PretrainingRecord"], dict[str, Any]]) -> dict[str, Any]:
        return {name: value for name, value in dump(self).items() if value or name not in LATER}

    @property
    def network(self) -> str | None:
        """The network whose features it learnt, in words; files of older versions name the perceptual one alone."""
        return self.perceptual if self.teacher is None else str(self.teacher)

    @property
    def earlier_masks(self) -> int:
        """Masks that its teachers were trained on."""
        return sum(one.earlier_masks for one in (self.teacher, self.before) if one is not None)

    @property
    def taught_by(self) -> str:
        """Its teachers with their licences, also those of the trainings before it; "" for none."""
        told = (self.teacher and self.teacher.told, self.before and self.before.taught_by)
        return "; ".join(dict.fromkeys(filter(None, told)))


@dataclass(frozen=True)
class SegmentationRecord:
    """The classes that a segmentation network tells apart, and how sure its probabilities are."""

    names: Annotated[tuple[str, ...], Field(min_length=1, max_length=255)]
    values: Mapping[str, int] = field(default_factory=dict)
    """The class of each value in its mask files; 255 is ignored."""
    background: Count | None = 0
    """The class that is no object; None where every class is one. Files of older versions do not say, and mean 0."""
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """What divides its logits before the softmax; 1 where none was fitted, and in files of older versions."""

    def __post_init__(self) -> None:
        if self.background is not None and self.background >= len(self.names):
            raise ValueError("its background is none of its classes")


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """The origin of the parts that were handed over, and how much of the network they are.

    In a file the record of the pretraining stands between these entries, not below a name of its own.
    """

    source: str
    """A file with its pretext, ImageNet, or scratch."""
    parts: tuple[str, ...]
    """What the source gave: the encoder, or the encoder and the decoder."""
    tensors: Count
    """Learnt tensors in these parts."""
    loaded: Count
    """Tensors among them that were filled from the source."""
    part_parameters: Count
    """Parameters in these parts."""
    parameters: Annotated[int, Field(ge=1)]
    """Parameters in the whole network."""
    trained_parameters: Count | None = None
    """Parameters that are trained in some epoch; None where an older run did not count them."""
    frozen_epochs: Count
    """Epochs in which the whole encoder stays as it came."""
    thaw_every: Count = 0
    """Epochs from the thawing of one of its levels to the next; 0 where all thaw at once."""
    epochs: Count
    """Epochs of the whole training."""
    lr_factor: Finite
    """The encoder's rate afterwards, relative to the decoder's; that of its coarsest level if they differ."""
    pretraining: PretrainingRecord | None = None
    """What phase 1 taught the source; None for ImageNet weights and from scratch."""
    uses_imagenet_labels: bool = False
    uses_labels: bool = False
    unknown_labels: bool = False
    """Whether weights helped that do not say whose labels taught them."""
    earlier_masks: Count = 0
    """Training masks of the run that this one trains further, of those before it, and of teachers."""
    transfer: Taken | None = None
    """The same parts as --transfer names them; None without a file of phase 1, and in older runs."""
    chosen: bool = False
    """Whether --transfer auto chose them."""

    @property
    def pretrained(self) -> bool:
        """Whether anything was handed over at all."""
        return self.loaded > 0

    @property
    def taught_by(self) -> str:
        """The teachers of the pretraining; "" for none."""
        return "" if self.pretraining is None else self.pretraining.taught_by

    def frozen_levels(self, epoch: int, levels: int) -> int:
        """How many of an encoder's `levels`, counted from the finest, are frozen in an epoch (from 0)."""
        if epoch < self.frozen_epochs:
            return levels
        if not self.pretrained or self.thaw_every == 0:
            return 0
        return max(levels - 1 - (epoch - self.frozen_epochs) // self.thaw_every, 0)

    def __str__(self) -> str:
        share = self.part_parameters / self.parameters
        parts = " and ".join(self.parts)
        how = f" (--transfer auto: {self.transfer})" if self.chosen else ""
        head = f"{parts} from {self.source}{how}: {self.loaded} of {self.tensors} tensors loaded"
        size = f"{self.part_parameters:,} of {self.parameters:,} parameters ({share:.0%})"
        if not self.pretrained:
            return f"{head}; {size} start at random in the {parts}, none is frozen"
        missing = f"{self.tensors - self.loaded} missing"
        if self.frozen_epochs >= self.epochs:
            return f"{head}, {missing}; {size} are pretrained; encoder frozen, never trained"
        told = counted(self.frozen_epochs, "epoch")
        frozen = f"frozen for {told}" if self.frozen_epochs else "never frozen as a whole"
        thawed = f", thawed a level after every {counted(self.thaw_every, 'epoch')}" if self.thaw_every else ""
        rate = f"trained at {self.lr_factor:g} x --lr"
        return f"{head}, {missing}; {size} are pretrained; encoder {frozen}{thawed}, then {rate}"

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        return {**content, "pretraining": content if "pretext" in content else None}

    @model_serializer(mode="wrap")
    def _spread(self, dump: Callable[["Receipt"], dict[str, Any]]) -> dict[str, Any]:
        flat = dump(self)
        labels = {name: flat.pop(name) for name in ("uses_imagenet_labels", "uses_labels", "unknown_labels")}
        pretraining = flat.pop("pretraining")
        unusual = {name: flat.pop(name) for name in ("earlier_masks", "transfer", "chosen")}
        flat |= {name: value for name, value in unusual.items() if value}
        told = {name: True for name, used in labels.items() if used and name != "uses_labels"}
        return {**flat, **(pretraining or {}), **told}


def _with_packages(environment: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(environment.get("packages", {}), Mapping):
        raise ValueError("its packages are no versions by their names")
    return environment


Environment = Annotated[Mapping[str, Any], AfterValidator(_with_packages)]
"""Versions, machine and command of a run, as in its environment.json."""


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where a network came from. Raises ValueError without the epoch (from 1) of its validation figures."""

    config: Mapping[str, Any]
    """The settings of its run by their flags, which `common.config.load.unflatten` reads."""
    environment: Environment
    """Versions, machine and command of its run."""
    validation: Mapping[str, int | float]
    """The row of metrics.csv of the epoch that was kept."""
    train_images: tuple[str, ...] = ()
    """Digests of the images that it was trained on; in phase 1 also of those that taught what it began with."""

    def __post_init__(self) -> None:
        if not 1 <= self.validation.get("epoch", 0) < math.inf:
            raise ValueError("the row of the validation has no epoch")

    @property
    def epoch(self) -> int:
        """The epoch that was kept, counted from 1."""
        return int(self.validation["epoch"])


@dataclass(frozen=True, kw_only=True)
class SegmentationProvenance(Provenance):
    """Where a segmentation network came from."""

    encoder: Receipt
    """What was handed to it."""
    earlier_images: tuple[str, ...] = ()
    """Digests of the images that taught what it began with; files of older versions name none."""
    photographs: tuple[str, ...] = ()
    """Digests of the photographs without masks that it learnt from, too."""

    @property
    def seen(self) -> tuple[str, ...]:
        """Digests of all images that taught it, or what it began with."""
        return (*self.train_images, *self.earlier_images, *self.photographs)
