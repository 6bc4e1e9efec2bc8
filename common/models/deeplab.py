"""The DeepLabV3+ decoder."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from common.errors import UserError
from common.models.blocks import Strides, Widths
from common.models.decoder import Decoder

WIDTH, FINE_WIDTH, FINE_STRIDE = 256, 48, 4


class DeepLabV3PlusDecoder(Decoder):
    """Atrous spatial pyramid pooling on the coarsest map, joined with the encoder's map of stride 4.

    `forward` ends at stride 4; the head enlarges its logits bilinearly. The published dilations 6, 12, 18 suit an
    encoder of stride 16. They are halved at stride 32, because they count cells of the coarsest map.

    Source: Chen et al. 2018, arXiv 1802.02611, section 3.1 and figure 2.
    Deviation: plain 3x3 convolutions, not separable ones; torchvision's pyramid pooling, which has dropout 0.5.
    """

    skips = "all"

    def __init__(self, encoder_channels: Widths, encoder_strides: Strides) -> None:
        super().__init__()
        self.encoder_channels, self.encoder_strides = tuple(encoder_channels), tuple(encoder_strides)
        if FINE_STRIDE not in encoder_strides or encoder_strides[-1] <= FINE_STRIDE:
            raise UserError(
                f"the decoder deeplabv3plus needs an encoder with a map of stride {FINE_STRIDE} and a coarser one; "
                f"this one has strides {', '.join(map(str, encoder_strides))}: take another --decoder or --encoder"
            )
        self.fine = self.encoder_strides.index(FINE_STRIDE)
        self.out_channels = WIDTH
        from torchvision.models.segmentation.deeplabv3 import ASPP  # here: it takes as long to import as torch

        rates = [max(1, dilation * 16 // encoder_strides[-1]) for dilation in (6, 12, 18)]
        self.pool = ASPP(encoder_channels[-1], rates, WIDTH)
        self.narrow = _convolution(encoder_channels[self.fine], FINE_WIDTH, 1)
        self.mix = nn.Sequential(_convolution(WIDTH + FINE_WIDTH, WIDTH, 3), _convolution(WIDTH, WIDTH, 3))

    def forward(
        self, features: Sequence[Float[Tensor, "n _ _ _"]], *, keep: Float[Tensor, "n"] | None = None
    ) -> Float[Tensor, "n d _ _"]:
        fine = features[self.fine] if keep is None else features[self.fine] * keep.view(-1, 1, 1, 1)
        coarse = self.pool(features[-1])
        up = F.interpolate(coarse, size=fine.shape[-2:], mode="bilinear", align_corners=False)
        return self.mix(torch.cat([up, self.narrow(fine)], dim=1))

    def head(self, outputs: int) -> nn.Module:
        enlarge = nn.Upsample(scale_factor=FINE_STRIDE, mode="bilinear", align_corners=False)
        return nn.Sequential(nn.Conv2d(self.out_channels, outputs, 1), enlarge)

    def architecture(self) -> dict[str, Any]:
        return {
            "name": "deeplabv3plus",
            "encoder_channels": list(self.encoder_channels),
            "encoder_strides": list(self.encoder_strides),
        }


def _convolution(in_channels: int, out_channels: int, side: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, side, padding=side // 2, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )
