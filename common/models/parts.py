"""The encoders and decoders by name: to add one, write its class in a file of its own and its entry here. No torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import tyro
from pydantic import AfterValidator

from common.registered import Registered, known


@dataclass(frozen=True)
class Part(Registered):
    """A class of encoders or decoders, made by keyword arguments, and rebuilt from its `architecture()`."""

    takes: tuple[str, ...] = ()
    """The settings that its class takes, of those that a run offers."""

    def make(self, offered: Mapping[str, Any]) -> Any:
        """The part with fresh weights, made from what it takes of the offered settings."""
        return self.load()(**{name: offered[name] for name in self.takes})


@dataclass(frozen=True)
class EncoderPart(Part):
    """An `Encoder`.

    Offered are in_channels, output_stride, encoder (its name), and the U-Net's widths, norm, dropout and down.
    """

    pretrained: bool = False
    """Whether there are ImageNet weights, which its `load_pretrained` takes."""
    hides_everywhere: bool = False
    """Whether its `visible_pyramid` keeps hidden pixels out of every map, and not of the input alone."""


@dataclass(frozen=True)
class DecoderPart(Part):
    """A `Decoder`; offered are encoder_channels, encoder_strides, widths, dropout, norm and up."""


PYRAMID = ("encoder_channels", "encoder_strides")
"""What every decoder needs to know of the encoder."""
LIBRARY = "smp"
"""The entry for all encoders of another package, which have names of their own there."""

ENCODERS: dict[str, EncoderPart] = {
    "unet": EncoderPart(
        "common.models.encoder:UNetEncoder",
        "U-Net encoder",
        ("widths", "norm", "dropout", "in_channels", "down"),
        hides_everywhere=True,
    ),
    "mobilenet_v2": EncoderPart(
        "common.models.mobilenet:MobileNetV2Encoder", "MobileNetV2", ("in_channels",), pretrained=True
    ),
    LIBRARY: EncoderPart(
        "common.models.smp:SMPEncoder",
        "encoder of segmentation_models_pytorch",
        ("encoder", "in_channels", "output_stride"),
        pretrained=True,
    ),
}
DECODERS: dict[str, DecoderPart] = {
    "unet": DecoderPart("common.models.decoder:UNetDecoder", "U-Net", (*PYRAMID, "widths", "norm", "dropout", "up")),
    "conv_transpose": DecoderPart(
        "common.models.published:ConvTransposeDecoder", "convolutional", (*PYRAMID, "widths", "dropout")
    ),
    "transpose": DecoderPart("common.models.published:TransposeDecoder", "transpose", (*PYRAMID, "widths", "dropout")),
    "bilinear": DecoderPart("common.models.published:BilinearDecoder", "bilinear", (*PYRAMID, "widths", "dropout")),
    "deeplabv3plus": DecoderPart("common.models.deeplab:DeepLabV3PlusDecoder", "DeepLabV3+", PYRAMID),
}


def part_for(name: str) -> EncoderPart:
    """The entry for `--encoder`: a registered one, else the library's, whether or not it has that name."""
    return ENCODERS[name] if name in ENCODERS and name != LIBRARY else ENCODERS[LIBRARY]


DecoderName = Annotated[str, AfterValidator(known(DECODERS)), tyro.conf.arg(metavar=f"{{{','.join(DECODERS)}}}")]
"""The type of a setting that names a decoder."""
