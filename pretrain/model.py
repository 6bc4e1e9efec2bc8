"""The network of phase 1: a picture in, the same picture out."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from common.models.decoder import Decoder
from common.models.encoder import Encoder
from common.models.zoo import build_decoder, build_encoder


class Rebuilt(NamedTuple):
    """What all heads of an autoencoder make of a picture; None from those that it does not have."""

    reconstruction: Float[Tensor, "n c h w"]
    aside: Float[Tensor, "n c h w"]
    """The same reconstruction, whose gradient reaches the image head and nothing before it."""
    target: Float[Tensor, "n d p q"] | None
    """The prediction of the target, one vector a cell."""
    saliency: Float[Tensor, "n 1 h w"] | None
    """The logit of standing out, for each pixel."""


class Autoencoder(nn.Module):
    """Rebuilds a picture from the maps of an encoder.

    The output is linear: near [0, 1] after training, not bound to it. Metrics and pictures clamp it. With
    `target_channels` it also predicts that many numbers for each cell of `target_cell` x `target_cell` pixels, with
    `saliency` what stands out.
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

    def forward(
        self,
        image: Float[Tensor, "n c h w"],
        *,
        keep: Float[Tensor, "n"] | None = None,
        visible: Float[Tensor, "n 1 h w"] | None = None,
        heads: bool = False,
    ) -> Float[Tensor, "n d h w"] | Rebuilt:
        """The reconstruction, or with `heads` all that `Rebuilt` names.

        `keep` scales each sample's skips, see `UNetDecoder`; where `visible` is 0 the picture is hidden, see
        `UNetEncoder`. Raises UserError for a size that does not fit the encoder.
        """
        features = self.encoder(image) if visible is None else self.encoder(image, visible=visible)
        full = self.decoder(features, keep=keep)
        if not heads:
            return self.head(full)
        saliency = self.saliency_head(full) if self.saliency_head is not None else None
        target = self._target(full, image.shape[-1]) if self.target_head is not None else None
        return Rebuilt(self.head(full), self.head(full.detach()), target, saliency)

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
        )
