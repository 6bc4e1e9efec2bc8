"""A network with all that stands around it: bytes in, logits and probabilities out."""

from copy import deepcopy

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from common.models.folded import fold
from transfer.model import SegmentationNet
from transfer.segmenter import Segmenter


class Deployed(nn.Module):
    """A network that takes images as bytes, and knows its own normalisation and temperature.

    Its maps are contiguous, for exporters follow each order of memory; BatchNorm is folded into convolutions.
    """

    def __init__(self, net: SegmentationNet, temperature: float = 1.0) -> None:
        super().__init__()
        self.net = fold(deepcopy(net).cpu()).to(memory_format=torch.contiguous_format).requires_grad_(False)
        self.temperature = temperature
        self.eval()

    def forward(self, image: UInt8[Tensor, "n h w c"]) -> tuple[Float[Tensor, "n k h w"], Float[Tensor, "n k h w"]]:
        """Return the logits and the probabilities of images whose sides fit the encoder: no size is refused here."""
        encoder = self.net.encoder
        scaled = image.permute(0, 3, 1, 2).contiguous().float() / 255.0
        logits = self.net.classify(encoder.pyramid((scaled - encoder.mean) / encoder.std))
        return logits, (logits / self.temperature).softmax(1)


def deployed(model: Segmenter) -> Deployed:
    """The network of a file with what stands around it."""
    return Deployed(model.net, model.temperature)
