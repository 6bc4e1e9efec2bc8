"""The network of phase 1: a picture in, the same picture out."""

from collections.abc import Mapping
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from common.models.decoder import UNetDecoder
from common.models.encoder import Encoder
from common.models.zoo import build_decoder, build_encoder


class Autoencoder(nn.Module):
    """Rebuilds a picture from the maps of an encoder.

    The output is linear: near [0, 1] after training, not bound to it. Metrics and pictures clamp it.
    """

    def __init__(self, encoder: Encoder, decoder: UNetDecoder, *, out_channels: int = 3) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.head = nn.Conv2d(decoder.out_channels, out_channels, 1)

    def forward(
        self, image: Float[Tensor, "n c h w"], *, keep: Float[Tensor, "n"] | None = None
    ) -> Float[Tensor, "n d h w"]:
        """The reconstruction; `keep` scales each sample's skips, see `UNetDecoder`.

        Raises UserError for a size that does not fit the encoder.
        """
        return self.head(self.decoder(self.encoder(image), keep=keep))

    def architecture(self) -> dict[str, Any]:
        """What `from_architecture` needs to rebuild this network, without its weights; fit for JSON."""
        return {
            "encoder": self.encoder.architecture(),
            "decoder": self.decoder.architecture(),
            "out_channels": self.head.out_channels,
        }

    @classmethod
    def from_architecture(cls, architecture: Mapping[str, Any]) -> "Autoencoder":
        """The network whose `architecture()` this is, with fresh weights."""
        return cls(
            build_encoder(architecture["encoder"]),
            build_decoder(architecture["decoder"]),
            out_channels=architecture["out_channels"],
        )
