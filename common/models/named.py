"""Encoders by the names that users type, and the weights that they begin with."""

from dataclasses import dataclass

from common.config.encoder import NamedEncoderConfig
from common.config.groups import UNetConfig
from common.models.encoder import Encoder
from common.models.given import Pretrained
from common.models.registry import encoder_part
from common.run.records import PretrainingRecord


@dataclass(frozen=True)
class Beginning:
    """What an encoder's weights were before its training."""

    source: str
    """ImageNet or a file, with the encoder's name; or scratch."""
    loaded: int = 0
    """Number of tensors loaded from a file; 0 from scratch."""
    uses_imagenet_labels: bool = False
    unknown_labels: bool = False
    """Whether they are a file's that does not say whose labels helped."""
    pretraining: PretrainingRecord | None = None
    """What taught an exported encoder; None of all others."""
    train_images: tuple[str, ...] = ()
    """Digests of the images that taught an exported encoder."""

    def __str__(self) -> str:
        if not self.loaded:
            return f"encoder from {self.source}"
        labels = "; ImageNet's labels are in them" if self.uses_imagenet_labels else ""
        unknown = "; the file does not say whose labels are in them" if self.unknown_labels else ""
        return f"encoder from {self.source}: {self.loaded} tensors loaded{labels}{unknown}"


def fresh_encoder(plan: NamedEncoderConfig, unet: UNetConfig, channels: int) -> Encoder:
    """The encoder of a name with fresh weights, for images of so many channels; raises as `encoder_part`."""
    own = {"widths": unet.widths, "norm": unet.norm, "dropout": unet.rates, "down": unet.down}
    offered = {"encoder": plan.name, "in_channels": channels, "output_stride": plan.encoder_stride}
    return encoder_part(plan.name).make({**offered, **own})


def first_weights(encoder: Encoder, plan: NamedEncoderConfig) -> Beginning:
    """Fill an encoder with the weights that the settings name, if any; raises as `Encoder.load_pretrained`."""
    name = plan.name
    if not encoder_part(name).pretrained or plan.encoder_weights == "none":
        return Beginning("scratch" if name == "unet" else f"scratch ({name})")
    return beginning(encoder, encoder.load_pretrained(plan.encoder_weights_path))


def beginning(encoder: Encoder, given: Pretrained) -> Beginning:
    """What an encoder began with, of what it was filled with."""
    channels, record = len(encoder.mean), given.record
    taught = 3 if record is None else record.input.channels
    fitted = "" if channels == taught else f", its first layer refitted from {taught} channels to {channels}"
    where = given.where and f", {given.where}"
    source = f"{given.origin} ({encoder.word}{where}{fitted})"
    if record is None:
        return Beginning(source, given.tensors, given.imagenet, not given.imagenet)
    labels = record.task.uses_imagenet_labels, record.task.unknown_labels
    return Beginning(source, given.tensors, *labels, pretraining=record.task, train_images=record.train_images)
