"""The `Decoder` interface, and the U-Net decoder."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from common.config.groups import DecoderConfig
from common.models.blocks import Norm, Rates, Strides, Widths, initialise, require_one_each, two_convolutions
from common.models.double import Double

Up = Literal["bilinear", "nearest", "transpose"]


class Decoder(nn.Module):
    """A network from an encoder's maps to one map, which a `head` turns into an output at the image's size.

    A subclass sets `out_channels` and implements `forward` and `architecture`.
    """

    out_channels: int
    skips: Literal["all", "none"] = "none"
    """Whether the decoder uses skip connections, or the coarsest map alone."""

    def forward(
        self, features: Sequence[Float[Tensor, "n _ _ _"]], *, keep: Float[Tensor, "n"] | None = None
    ) -> Float[Tensor, "n d _ _"]:
        """Return a map of `out_channels` channels from the encoder's maps, given finest first.

        `keep` multiplies all skips of a sample: 1 or None keeps them, 0 leaves the coarsest map alone.
        """
        raise NotImplementedError

    def head(self, outputs: int) -> nn.Module:
        """Return the layer from this decoder's map to `outputs` unbounded values at every pixel of the image."""
        return nn.Conv2d(self.out_channels, outputs, 1)

    def architecture(self) -> dict[str, Any]:
        """Return the arguments of `build_decoder` for this decoder, without its weights, as plain JSON data."""
        raise NotImplementedError


def doublings(stride: int, stop: int = 1) -> list[int]:
    """Return the strides after each doubling from `stride` to `stop` (powers of 2): 4, 2, 1 from 8 to 1."""
    return [stride >> step for step in range(1, stride.bit_length()) if stride >> step >= stop]


def rates_of_steps(dropout: Sequence[float], stride: int, stop: int = 1) -> Sequence[float]:
    """The dropout of each step from `stride` to `stop`, of rates that are named for all steps to stride 1.

    The default rates are those of five steps: a shorter decoder takes the last of them, a longer one the first again,
    and one that stops early the first of its own.
    """
    usual, steps = DecoderConfig.decoder_dropout, len(doublings(stride))
    own = (usual[:1] * steps + usual)[-steps:] if tuple(dropout) == usual else dropout
    return own if stop == 1 else own[: len(doublings(stride, stop))]


class UpStep(nn.Module):
    """One upsampling step: double the size, concatenate the skip, mix with two 3x3 convolutions.

    For "bilinear" and "nearest" a 1x1 convolution narrows the coarse map before it is enlarged. Narrowing it
    afterwards would give the same map at four times the cost. The 3x3 convolutions become cheaper too. "transpose"
    narrows and enlarges by a transposed 2x2 convolution.
    """

    def __init__(self, in_channels: int, skip_channels: int, *, width: int, norm: Norm, dropout: float, up: Up) -> None:
        super().__init__()
        if up == "transpose":
            self.narrow = nn.ConvTranspose2d(in_channels, width, 2, stride=2)
            self.enlarge = nn.Identity()
        else:
            self.narrow = nn.Conv2d(in_channels, width, 1)
            self.enlarge = Double() if up == "bilinear" else nn.Upsample(scale_factor=2, mode=up)
        self.mix = nn.Sequential(
            *two_convolutions(width + skip_channels, width, norm=norm),
            nn.Dropout2d(dropout),
        )

    def forward(
        self, coarse: Float[Tensor, "n c h w"], skip: Float[Tensor, "n s 2*h 2*w"] | None
    ) -> Float[Tensor, "n d 2*h 2*w"]:
        up = self.enlarge(self.narrow(coarse))
        return self.mix(up if skip is None else torch.cat([up, skip], dim=1))


class UNetDecoder(Decoder):
    """The expanding half of a U-Net: one doubling at a time, with skips from the encoder.

    There is one step for each map but the coarsest, then steps without a skip until the stride is `stop`. Widths
    and dropout have one number a step, coarsest first. By default a step to stride s has s times the
    channels of the finest map, at most 512. That is 512, 256, 128, 64, 32 for the U-Net encoder, and 256, 128, 64, 32,
    16 for MobileNetV2. With skips "none" it has no skip inputs and uses the coarsest map alone.

    With `stop` above 1 the head predicts a patch of stop x stop pixels from each cell of the last map.
    """

    def __init__(
        self,
        encoder_channels: Widths,
        encoder_strides: Strides,
        *,
        widths: Widths | None = None,
        norm: Norm = "instance",
        dropout: Rates = (0.15, 0.1, 0.1, 0.05, 0.0),
        skips: Literal["all", "none"] = "all",
        up: Up = "bilinear",
        stop: Annotated[int, Field(ge=1)] = 1,
    ) -> None:
        super().__init__()
        strides = doublings(encoder_strides[-1], stop)
        widths = widths or [min(512, encoder_channels[0] * stride) for stride in strides]
        require_one_each(len(strides), decoder_widths=widths, dropout=dropout)
        self.encoder_channels, self.encoder_strides = tuple(encoder_channels), tuple(encoder_strides)
        self.widths, self.dropout = tuple(widths), tuple(dropout)
        self.norm: Norm = norm
        self.skips: Literal["all", "none"] = skips
        self.up: Up = up
        self.stop = stop
        self.out_channels = widths[-1]
        skip_channels = dict(zip(encoder_strides, encoder_channels, strict=True)) if skips == "all" else {}
        inputs = (encoder_channels[-1], *widths[:-1])
        self.steps = nn.ModuleList(
            UpStep(inputs[i], skip_channels.get(stride, 0), width=widths[i], norm=norm, dropout=dropout[i], up=up)
            for i, stride in enumerate(strides)
        )
        initialise(self)

    def forward(
        self, features: Sequence[Float[Tensor, "n _ _ _"]], *, keep: Float[Tensor, "n"] | None = None
    ) -> Float[Tensor, "n d _ _"]:
        x = features[-1]
        skips = list(features[-2::-1]) if self.skips == "all" else []
        if keep is not None:
            skips = [skip * keep.view(-1, 1, 1, 1) for skip in skips]
        for i, step in enumerate(self.steps):
            x = step(x, skips[i] if i < len(skips) else None)
        return x

    def head(self, outputs: int) -> nn.Module:
        if self.stop == 1:
            return super().head(outputs)
        return nn.Sequential(nn.Conv2d(self.out_channels, outputs * self.stop**2, 1), nn.PixelShuffle(self.stop))

    def architecture(self) -> dict[str, Any]:
        return {
            "name": "unet",
            "encoder_channels": list(self.encoder_channels),
            "encoder_strides": list(self.encoder_strides),
            "widths": list(self.widths),
            "norm": self.norm,
            "dropout": list(self.dropout),
            "skips": self.skips,
            "up": self.up,
            "stop": self.stop,
        }
