"""The network of phase 2: a picture in, a score for every class at every pixel out."""

from collections.abc import Mapping
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from common.models.decoder import UNetDecoder
from common.models.encoder import Encoder
from common.models.zoo import build_decoder, build_encoder


class SegmentationNet(nn.Module):
    """Says for every pixel of a picture how much it looks like each class."""

    def __init__(self, encoder: Encoder, decoder: UNetDecoder, *, num_classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.head = nn.Conv2d(decoder.out_channels, num_classes, 1)

    def forward(self, image: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k h w"]:
        """The logits. Raises UserError for a size that does not fit the encoder."""
        return self.head(self.decoder(self.encoder(image)))

    def architecture(self) -> dict[str, Any]:
        """What `from_architecture` needs to rebuild this network, without its weights; fit for JSON."""
        return {
            "encoder": self.encoder.architecture(),
            "decoder": self.decoder.architecture(),
            "num_classes": self.head.out_channels,
        }

    @classmethod
    def from_architecture(cls, architecture: Mapping[str, Any]) -> "SegmentationNet":
        """The network whose `architecture()` this is, with fresh weights."""
        return cls(
            build_encoder(architecture["encoder"]),
            build_decoder(architecture["decoder"]),
            num_classes=architecture["num_classes"],
        )
