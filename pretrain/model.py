"""The network of phase 1: an image in, the same image out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, cast

from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor, nn

from common.models.blocks import Channels
from common.models.decoder import Decoder
from common.models.encoder import Encoder
from common.models.layout import channels_last
from common.models.rebuild import load_sections
from common.models.registry import build_parts
from common.run.checkpoint import sections_of
from common.run.plain_data import adapter
from pretrain.heads import CellHead, EncoderHead, Head, Maps, PixelHead
from pretrain.losses.registry import SIDE_OBJECTIVES
from pretrain.picture import PictureDecoder

SECTIONS = {"image": "head", "pseudo_mask": "saliency_head", "contrast": "projection"}
"""The sections of a handover file for the heads of these names; for others it is "<name>_head"."""
FLAGS = {"pseudo_mask": "saliency"}
"""Flags of a handover file's architecture that say which side objectives have a head, where it is not their name."""


@dataclass(frozen=True)
class _Heads:
    """What a file says of an autoencoder beside its encoder and decoder."""

    out_channels: Channels
    target_channels: Annotated[int, Field(ge=0, le=2**16, strict=True)]
    target_cell: Annotated[int, Field(ge=1, le=2**10, strict=True)]
    pixels: bool = True
    picture_width: Annotated[int, Field(ge=0, le=2**10, strict=True)] = 0


class Autoencoder(nn.Module):
    """Rebuilds an image from the maps of an encoder.

    The output is linear: near [0, 1] after training, not bound to it. Metrics and figures clamp it. It is that of the
    decoder's head, which `pixels` asks for; with `picture_width` that of a `PictureDecoder`, which learns beside the
    task. With `target_channels` the network also predicts that many numbers for each cell of `target_cell` x
    `target_cell` pixels; `side` names the side objectives that it has a head for.
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: Decoder,
        *,
        out_channels: int = 3,
        target_channels: int = 0,
        target_cell: int = 8,
        side: Sequence[str] = (),
        pixels: bool = True,
        picture_width: int = 0,
    ) -> None:
        super().__init__()
        assert pixels or picture_width, "nothing rebuilds the image"
        self.encoder = encoder
        self.decoder = decoder
        self.out_channels, self.target_channels, self.target_cell = out_channels, target_channels, target_cell
        self.heads = nn.ModuleDict({"image": PixelHead(decoder, out_channels)} if pixels else {})
        if target_channels:
            self.heads["target"] = CellHead(decoder, target_channels, target_cell)
        for name in side:
            self.heads[name] = SIDE_OBJECTIVES[name].load().head(encoder, decoder)
        self.picture = PictureDecoder(encoder, width=picture_width, channels=out_channels) if picture_width else None
        channels_last(self)

    @property
    def learners(self) -> list[nn.Module]:
        """The parts that the task trains: all but the picture's decoder."""
        return [self.encoder, self.decoder, self.heads]

    @property
    def decodes(self) -> bool:
        """Whether a head takes what the decoder makes of the encoder's maps."""
        return not all(isinstance(head, EncoderHead) for head in self.heads.values())

    @property
    def side(self) -> tuple[str, ...]:
        """The side objectives that it has a head for."""
        return tuple(name for name in self.heads if name not in ("image", "target"))

    def forward(
        self,
        image: Float[Tensor, "n c h w"],
        *,
        keep: Float[Tensor, "n"] | None = None,
        visible: Float[Tensor, "n 1 h w"] | None = None,
    ) -> Float[Tensor, "n d h w"]:
        """The reconstruction.

        `keep` scales each sample's skips, see `UNetDecoder`; where `visible` is 0 the image is hidden, see `encode`.
        Raises UserError for a size that does not fit the encoder.
        """
        return self.rebuild(self.encode(image, visible), image, keep=keep)

    def encode(
        self,
        image: Float[Tensor, "n c h w"],
        visible: Float[Tensor, "n 1 h w"] | None = None,
        *,
        everywhere: bool = True,
    ) -> list[Float[Tensor, "n _ _ _"]]:
        """The encoder's maps, finest first; where `visible` is 0 the image is hidden, see `Encoder.forward`."""
        return self.encoder(image, visible=visible, everywhere=everywhere)

    def rebuild(
        self,
        features: Sequence[Float[Tensor, "n _ _ _"]],
        image: Float[Tensor, "n c h w"],
        *,
        keep: Float[Tensor, "n"] | None = None,
    ) -> Float[Tensor, "n d h w"]:
        """The reconstruction from the maps of an image; `PictureDecoder` says what it takes of the image itself."""
        if self.picture is not None:
            return self.picture(features, image)
        return self.heads["image"](self._maps(features, keep=keep))

    def decode(
        self,
        features: Sequence[Float[Tensor, "n _ _ _"]],
        *,
        keep: Float[Tensor, "n"] | None = None,
        foreground: Int64[Tensor, "n h w"] | None = None,
    ) -> dict[str, Tensor]:
        """The output of every head by its name, from the encoder's maps, which are decoded where a head needs that."""
        if not self.decodes:
            return self.describe(features, foreground)
        maps = self._maps(features, keep=keep, foreground=foreground)
        # From the last to the first: sums of gradients then have the same bits as before there were named heads.
        return {name: self.heads[name](maps) for name in reversed(list(self.heads))}

    def embed(
        self, image: Float[Tensor, "n c h w"], foreground: Int64[Tensor, "n h w"] | None = None
    ) -> dict[str, Tensor]:
        """The output of every head on the encoder alone, by its name, without decoding."""
        return self.describe(self.encoder(image), foreground)

    def describe(
        self, features: Sequence[Float[Tensor, "n _ _ _"]], foreground: Int64[Tensor, "n h w"] | None = None
    ) -> dict[str, Tensor]:
        """The output of every head on the encoder alone, by its name, from the encoder's maps."""
        heads = {name: head for name, head in self.heads.items() if isinstance(head, EncoderHead)}
        return {name: head.describe(features, foreground) for name, head in heads.items()}

    def _maps(
        self,
        features: Sequence[Float[Tensor, "n _ _ _"]],
        *,
        keep: Float[Tensor, "n"] | None,
        foreground: Int64[Tensor, "n h w"] | None = None,
    ) -> Maps:
        width = features[0].shape[-1] * self.encoder.strides[0]
        return Maps(features, self.decoder(features, keep=keep), width, foreground)

    def sections(self) -> dict[str, dict[str, Tensor]]:
        """The state of each part on the CPU, by its name in a handover file."""
        return sections_of(nn.ModuleDict(self.parts()))

    def load(self, sections: Mapping[str, Mapping[str, Tensor]], source: str) -> None:
        """Fill every part from a handover file's sections. Raises UserError where one is missing or does not fit."""
        load_sections(self.parts(), sections, source)

    def parts(self) -> dict[str, nn.Module]:
        """The parts whose weights a handover file holds, by their names there."""
        heads = {SECTIONS.get(name, f"{name}_head"): cast(Head, head).stored for name, head in self.heads.items()}
        picture = {} if self.picture is None else {"picture": self.picture}
        return {"encoder": self.encoder, "decoder": self.decoder, **heads, **picture}

    def architecture(self) -> dict[str, Any]:
        """What `from_architecture` needs to rebuild this network, without its weights; fit for JSON."""
        return {
            "encoder": self.encoder.architecture(),
            "decoder": self.decoder.architecture(),
            "out_channels": self.out_channels,
            "target_channels": self.target_channels,
            "target_cell": self.target_cell,
            "pixels": "image" in self.heads,
            "picture_width": 0 if self.picture is None else self.picture.width,
            **{FLAGS.get(name, name): name in self.heads for name in SIDE_OBJECTIVES},
        }

    @classmethod
    def from_architecture(cls, architecture: Mapping[str, Any]) -> "Autoencoder":
        """The network whose `architecture()` this is, with fresh weights; raises as `build_parts`."""
        heads = adapter(_Heads).validate_python(dict(architecture))
        return cls(
            *build_parts(architecture),
            out_channels=heads.out_channels,
            target_channels=heads.target_channels,
            target_cell=heads.target_cell,
            pixels=heads.pixels,
            picture_width=heads.picture_width,
            side=[name for name in SIDE_OBJECTIVES if architecture.get(FLAGS.get(name, name), False)],
        )


class TrainingForward(nn.Module):
    """All that a training step computes of an autoencoder, in one `forward`.

    torch.compile compiles that method and no other.
    """

    def __init__(self, model: Autoencoder) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        seen: Float[Tensor, "n c h w"],
        *,
        keep: Float[Tensor, "n"] | None = None,
        visible: Float[Tensor, "n 1 h w"] | None = None,
        everywhere: bool = True,
        foreground: Int64[Tensor, "n h w"] | None = None,
        other: Float[Tensor, "n c h w"] | None = None,
        other_foreground: Int64[Tensor, "n h w"] | None = None,
    ) -> dict[str, Tensor]:
        """The output of every head, see `Autoencoder.decode`; those of the other view are called "other_<name>"."""
        features = self.model.encode(seen, visible, everywhere=everywhere)
        outputs = self.model.decode(features, keep=keep, foreground=foreground)
        if other is not None:
            embedded = self.model.embed(other, other_foreground)
            outputs |= {f"other_{name}": output for name, output in embedded.items()}
        return outputs
