"""The features of a trained network as the target."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from common.tensors import at_least_float32
from pretrain.targets.registry import LossConfig
from pretrain.targets.target import CellTarget
from pretrain.teachers.find import find_teacher, map_channels


class FeatureTarget(CellTarget):
    """The features of a trained network, the teacher, in each cell: its late maps, whose knowledge is distilled.

    Each map is averaged (or repeated) to one vector a cell. Vectors have mean 0 and variance 1 over their channels, and
    equal weight whatever their length.

    Source: Wei et al. 2022, MaskFeat, arXiv 2112.09133, section 3.2 (features of a supervised network as target).
    Deviation: up to two maps of one network, standardised where MaskFeat takes one and normalises its length.
    """

    name = "features"

    def __init__(self, settings: LossConfig, channels: int) -> None:
        super().__init__()
        self.teacher = find_teacher(settings, channels)
        self.taught_by, self.train_images = self.teacher.record, self.teacher.train_images
        self.lengths = map_channels(self.teacher)
        self.channels = sum(self.lengths)

    @torch.no_grad()
    def forward(self, image: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d p q"]:
        """The vectors, in float32 also under autocast."""
        grid = (image.shape[-2] // self.cell, image.shape[-1] // self.cell)
        share = self.channels / len(self.lengths)
        vectors = []
        for maps, length in zip(self.teacher.maps(image), self.lengths, strict=True):
            cells = F.adaptive_avg_pool2d(at_least_float32(maps), grid)
            deviation = cells.var(1, keepdim=True, correction=0).clamp_min(1e-30).sqrt()
            vectors.append((cells - cells.mean(1, keepdim=True)) / deviation * (share / length) ** 0.5)
        return torch.cat(vectors, dim=1)
