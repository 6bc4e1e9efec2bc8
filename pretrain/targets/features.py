"""The features of a trained network as the target."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from common.tensors import at_least_float32
from pretrain.fixed_network import LATE_TAPS, FixedNetwork, perceptual_state
from pretrain.targets.registry import LossConfig
from pretrain.targets.target import CellTarget


class FeatureTarget(CellTarget):
    """The features of a trained network in each cell: its late maps, whose knowledge is distilled.

    The image is enlarged twice first, so that a cell of 8 pixels has a place of its own at stride 16. Each map is
    averaged (or repeated) to one vector a cell. Vectors have mean 0 and variance 1 over their channels, and equal
    weight whatever their length.

    Source: Wei et al. 2022, MaskFeat, arXiv 2112.09133, section 3.2 (features of a supervised network as target).
    Deviation: two maps of one network, standardised where MaskFeat takes one and normalises its length.
    """

    name = "features"

    def __init__(self, settings: LossConfig, channels: int) -> None:
        super().__init__()
        assert channels == 3, "PretrainConfig.check refuses others"
        self.network = FixedNetwork(perceptual_state(settings), LATE_TAPS)
        self.lengths = [maps.shape[1] for maps in self.network.maps(torch.zeros(1, 3, 64, 64))]
        self.channels = sum(self.lengths)

    @torch.no_grad()
    def forward(self, image: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n d p q"]:
        """The vectors, in float32 also under autocast."""
        grid = (image.shape[-2] // self.cell, image.shape[-1] // self.cell)
        large = F.interpolate(image, scale_factor=2, mode="bilinear", align_corners=False)
        share = self.channels / len(self.lengths)
        vectors = []
        for maps, length in zip(self.network.maps(large), self.lengths, strict=True):
            cells = F.adaptive_avg_pool2d(at_least_float32(maps), grid)
            deviation = cells.var(1, keepdim=True, correction=0).clamp_min(1e-30).sqrt()
            vectors.append((cells - cells.mean(1, keepdim=True)) / deviation * (share / length) ** 0.5)
        return torch.cat(vectors, dim=1)
