"""The network of phase 1: a picture in, the same picture out."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from common.models.decoder import Decoder
from common.models.encoder import Encoder
from common.models.registry import build_decoder, build_encoder
from pretrain.heads import Projection


class Rebuilt(NamedTuple):
    """What all heads of an autoencoder make of a picture; None from those that it does not have."""

    reconstruction: Float[Tensor, "n c h w"]
    aside: Float[Tensor, "n c h w"]
    """The same reconstruction, whose gradient reaches the image head and nothing before it."""
    target: Float[Tensor, "n d p q"] | None
    """The prediction of the target, one vector a cell."""
    saliency: Float[Tensor, "n 1 h w"] | None
    """The logit of standing out, for each pixel."""
    embedding: Float[Tensor, "n e"] | None
    """A vector of length 1, for telling pictures apart."""


class Autoencoder(nn.Module):
    """Rebuilds a picture from the maps of an encoder.

    The output is linear: near [0, 1] after training, not bound to it. Metrics and pictures clamp it. With
    `target_channels` it also predicts that many numbers for each cell of `target_cell` x `target_cell` pixels, with
    `saliency` what stands out, with `contrast` a vector that tells pictures apart.
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: Decoder,
        *,
        out_channels: int = 3,
        target_channels: int = 0,
        target_cell: int = 8,
        saliency: bool = False,
        contrast: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.out_channels = out_channels
        self.head = decoder.head(out_channels)
        self.target_head = nn.Conv2d(decoder.out_channels, target_channels, 1) if target_channels else None
        if self.target_head is not None:
            for parameter in self.target_head.parameters():
                nn.init.zeros_(parameter)
        self.target_cell = target_cell
        self.saliency_head = decoder.head(1) if saliency else None
        self.projection = Projection(encoder.channels) if contrast else None

    def forward(
        self,
        image: Float[Tensor, "n c h w"],
        *,
        keep: Float[Tensor, "n"] | None = None,
        visible: Float[Tensor, "n 1 h w"] | None = None,
        figure: Int64[Tensor, "n h w"] | None = None,
        heads: bool | Literal["embedding"] = False,
    ) -> Float[Tensor, "n c h w"] | Float[Tensor, "n e"] | Rebuilt:
        """The reconstruction; with `heads` all that `Rebuilt` names, or the embedding alone, without decoding.

        `keep` scales each sample's skips, see `UNetDecoder`; where `visible` is 0 the picture is hidden, see
        `UNetEncoder`; where `figure` is 1 it stands out, see `Projection`. Raises UserError for a size that does not
        fit the encoder.
        """
        features = self.encoder(image) if visible is None else self.encoder(image, visible=visible)
        embedding = self.projection(features, figure) if self.projection is not None and heads else None
        if heads == "embedding":
            assert embedding is not None, "an embedding is asked of a network without a projection"
            return embedding
        full = self.decoder(features, keep=keep)
        if not heads:
            return self.head(full)
        saliency = self.saliency_head(full) if self.saliency_head is not None else None
        target = self._target(full, image.shape[-1]) if self.target_head is not None else None
        return Rebuilt(self.head(full), self.head(full.detach()), target, saliency, embedding)

    def _target(self, full: Float[Tensor, "n c p q"], width: int) -> Float[Tensor, "n d _ _"]:
        assert self.target_head is not None
        # Averaging over a cell and a 1x1 convolution can change places: this order is 64 times cheaper.
        # A mean of independent values shrinks with their number: times the side it keeps their spread.
        side = self.target_cell * full.shape[-1] // width
        return self.target_head(F.avg_pool2d(full, side) * side)

    def architecture(self) -> dict[str, Any]:
        """What `from_architecture` needs to rebuild this network, without its weights; fit for JSON."""
        return {
            "encoder": self.encoder.architecture(),
            "decoder": self.decoder.architecture(),
            "out_channels": self.out_channels,
            "target_channels": self.target_head.out_channels if self.target_head is not None else 0,
            "target_cell": self.target_cell,
            "saliency": self.saliency_head is not None,
            "contrast": self.projection is not None,
        }

    @classmethod
    def from_architecture(cls, architecture: Mapping[str, Any]) -> "Autoencoder":
        """The network whose `architecture()` this is, with fresh weights."""
        return cls(
            build_encoder(architecture["encoder"]),
            build_decoder(architecture["decoder"]),
            out_channels=architecture["out_channels"],
            target_channels=architecture["target_channels"],
            target_cell=architecture["target_cell"],
            saliency=architecture.get("saliency", False),
            contrast=architecture.get("contrast", False),
        )
