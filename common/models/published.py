"""Three published decoders without skip connections, each exactly as described."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from common.models.blocks import Rates, Strides, Widths, require_one_each
from common.models.decoder import Decoder, doublings
from common.models.double import Double


class SkiplessDecoder(Decoder):
    """A sequence of layers on the coarsest map.

    Widths are the channels after each doubling of the size, coarsest first. The default, `WIDTHS`, suits stride 32;
    an encoder of finer stride takes the last of them. Dropout has one number for each doubling, the head's included.
    A subclass implements `layers`.
    """

    name: ClassVar[str]
    WIDTHS: ClassVar[tuple[int, ...]]
    HEAD_DOUBLINGS: ClassVar[int] = 0
    """Number of doublings in the head."""

    def __init__(
        self,
        encoder_channels: Widths,
        encoder_strides: Strides,
        *,
        widths: Widths | None = None,
        dropout: Rates = (0.0, 0.0, 0.0, 0.0, 0.0),
    ) -> None:
        super().__init__()
        self.encoder_channels, self.encoder_strides = tuple(encoder_channels), tuple(encoder_strides)
        steps = len(doublings(encoder_strides[-1]))
        self.widths = tuple(widths or self.WIDTHS[-(steps - self.HEAD_DOUBLINGS) :])
        self.dropout = tuple(dropout)
        require_one_each(steps, dropout=self.dropout)
        require_one_each(steps - self.HEAD_DOUBLINGS, decoder_widths=self.widths)
        self.out_channels = self.widths[-1]
        self.body = nn.Sequential(*self.layers(encoder_channels[-1]))

    def layers(self, in_channels: int) -> list[nn.Module]:
        """Return the layers between the coarsest map and the head."""
        raise NotImplementedError

    def forward(
        self, features: Sequence[Float[Tensor, "n _ _ _"]], *, keep: Float[Tensor, "n"] | None = None
    ) -> Float[Tensor, "n d _ _"]:
        del keep  # there are no skips
        return self.body(features[-1])

    def architecture(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "encoder_channels": list(self.encoder_channels),
            "encoder_strides": list(self.encoder_strides),
            "widths": list(self.widths),
            "dropout": list(self.dropout),
        }


class ConvTransposeDecoder(SkiplessDecoder):
    """System B's decoder: five 3x3 convolutions at the coarsest size, then five transposed 3x3 ones of stride 2.

    The last one is the head, so `forward` ends at stride 2. ReLU follows each of the others, dropout precedes each
    doubling; Xavier initialisation. With MobileNetV2 and one output it has 8,555,457 parameters.
    """

    name = "conv_transpose"
    WIDTHS = (512, 256, 128, 64)
    HEAD_DOUBLINGS = 1
    MIXING = (64, 128, 256, 512, 512)

    def layers(self, in_channels: int) -> list[nn.Module]:
        rising = (self.MIXING[-1], *self.widths)
        layers: list[nn.Module] = []
        for before, after in pairwise((in_channels, *self.MIXING)):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(inplace=True)]
        for (before, after), rate in zip(pairwise(rising), self.dropout[:-1], strict=True):
            layers += [nn.Dropout2d(rate), _doubling(before, after), nn.ReLU(inplace=True)]
        return [_xavier(layer) for layer in layers]

    def head(self, outputs: int) -> nn.Module:
        return nn.Sequential(nn.Dropout2d(self.dropout[-1]), _xavier(_doubling(self.out_channels, outputs)))


class TransposeDecoder(SkiplessDecoder):
    """System C's decoder: five transposed 4x4 convolutions of stride 2 with ReLU and dropout.

    With MobileNetV2 and one output it has 13,272,065 parameters.
    """

    name = "transpose"
    WIDTHS = (512, 256, 128, 64, 32)

    def layers(self, in_channels: int) -> list[nn.Module]:
        layers: list[nn.Module] = []
        for (before, after), rate in zip(pairwise((in_channels, *self.widths)), self.dropout, strict=True):
            up = nn.ConvTranspose2d(before, after, 4, stride=2, padding=1)
            layers += [up, nn.ReLU(inplace=True), nn.Dropout2d(rate)]
        return layers


class BilinearDecoder(SkiplessDecoder):
    """System D's decoder: five blocks of 3x3 convolution, BatchNorm, ReLU, bilinear doubling and dropout.

    With MobileNetV2 and one output it has 7,251,041 parameters.
    """

    name = "bilinear"
    WIDTHS = (512, 256, 64, 32, 16)

    def layers(self, in_channels: int) -> list[nn.Module]:
        layers: list[nn.Module] = []
        for (before, after), rate in zip(pairwise((in_channels, *self.widths)), self.dropout, strict=True):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
            layers += [Double(), nn.Dropout2d(rate)]
        return layers


def _doubling(in_channels: int, out_channels: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(in_channels, out_channels, 3, stride=2, padding=1, output_padding=1)


def _xavier(layer: nn.Module) -> nn.Module:
    """Initialise a convolution uniformly after Xavier, with zero bias.

    Source: Glorot & Bengio 2010, Understanding the difficulty of training deep feedforward networks, eq. 16.
    """
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    return layer
