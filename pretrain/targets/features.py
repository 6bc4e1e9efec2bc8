"""The features of a trained network as the target."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from common.engine.precision import Lowered, autocast
from common.tensors import at_least_float32
from pretrain.targets.registry import LossConfig
from pretrain.targets.target import CellTarget
from pretrain.teachers.find import find_teacher, map_channels


class FeatureTarget(CellTarget, Lowered):
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

    def forward(self, image: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d p q"]:
        """The vectors, in float32 also under autocast."""
        return self.spread(self.levels(image), *self.grid(image))

    def grid(self, image: Float[Tensor, "n c h w"]) -> tuple[int, int]:
        """How many cells images have from top to bottom, and from left to right."""
        return image.shape[-2] // self.cell, image.shape[-1] // self.cell

    @torch.no_grad()
    def levels(self, image: Float[Tensor, "n c h w"]) -> list[Float[Tensor, "n _ _ _"]]:
        """The vectors of each map, from maps computed in `form`; of a map coarser than the cells one for each place."""
        rows, columns = self.grid(image)
        share = self.channels / len(self.lengths)
        with autocast(image.device, self.form):
            levels = self.teacher.maps(image)
        vectors = []
        for maps, length in zip(levels, self.lengths, strict=True):
            size = min(rows, maps.shape[-2]), min(columns, maps.shape[-1])
            places = F.adaptive_avg_pool2d(at_least_float32(maps), size)
            deviation = places.var(1, keepdim=True, correction=0).clamp_min(1e-30).sqrt()
            vectors.append((places - places.mean(1, keepdim=True)) / deviation * (share / length) ** 0.5)
        return vectors

    def spread(self, levels: Sequence[Float[Tensor, "n _ _ _"]], rows: int, columns: int) -> Float[Tensor, "n d p q"]:
        """The vectors of each map for every cell, after each other."""
        return torch.cat([F.adaptive_avg_pool2d(vectors, (rows, columns)) for vectors in levels], dim=1)
