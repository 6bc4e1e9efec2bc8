"""Histograms of oriented gradients: the shapes in an image, without its colours and its brightness."""

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from pretrain.registered import Settings
from pretrain.targets.drawn import strokes
from pretrain.targets.target import CELL, CellTarget

ORIENTATIONS = 9
EPSILON = 1e-5


class HogTarget(CellTarget):
    """The histograms of oriented gradients of each channel."""

    name = "hog"
    mean = 0.26
    variance = 0.043

    def __init__(self, settings: Settings, channels: int) -> None:  # noqa: ARG002
        super().__init__()
        self.channels = channels * ORIENTATIONS

    def forward(self, image: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d p q"]:
        """See `hog`."""
        return hog(image, cell=self.cell)

    def drawn(
        self, asked: Float[np.ndarray, "n d p q"], guessed: Float[np.ndarray, "n d p q"]
    ) -> tuple[Float[np.ndarray, "n _ _ 3"], Float[np.ndarray, "n _ _ 3"]]:
        """A star of strokes for each cell, the mean over the channels."""
        first, second = (one.reshape(len(one), -1, ORIENTATIONS, *one.shape[2:]).mean(1) for one in (asked, guessed))
        return strokes(first), strokes(second)


@torch.no_grad()
def hog(
    image: Float[Tensor, "n c h w"], *, cell: int = CELL, orientations: int = ORIENTATIONS
) -> Float[Tensor, "n d p q"]:
    """The strength of edges in each direction, in every cell of cell x cell pixels; d = c * orientations.

    Each channel of each cell is a vector of length 1, or of zeros where the cell is flat. No gradient is kept.

    Source: Wei et al. 2022, MaskFeat, arXiv 2112.09133, section 3.2; Dalal & Triggs 2005, doi
    10.1109/CVPR.2005.177.
    Deviation: differences [-1, 0, 1] and whole votes, as in scikit-image, and no Gaussian window over cells; the
    border has no gradient across it.
    """
    right, down = torch.zeros_like(image), torch.zeros_like(image)
    right[..., 1:-1] = image[..., 2:] - image[..., :-2]
    down[..., 1:-1, :] = image[..., 2:, :] - image[..., :-2, :]
    strength = torch.hypot(right, down)
    angle = torch.atan2(down, right).rad2deg_().remainder_(180)
    bins = angle.mul_(orientations / 180).long().clamp_(max=orientations - 1)
    histogram = _sums(strength, bins, cell, orientations) / cell**2
    length = (histogram.square().sum(2, keepdim=True) + EPSILON**2).sqrt()
    return (histogram / length).flatten(1, 2)


def _sums(
    votes: Float[Tensor, "n c h w"], bins: Int64[Tensor, "n c h w"], cell: int, count: int
) -> Float[Tensor, "n c {count} p q"]:
    """The sum of the votes for each of `count` bins in every cell; pixels beyond the last whole cell do not count."""
    rows, columns = votes.shape[-2] // cell, votes.shape[-1] // cell
    votes, bins = (x[..., : rows * cell, : columns * cell].unflatten(2, (rows, cell)) for x in (votes, bins))
    n, c = votes.shape[:2]
    histograms = torch.arange(n * c * rows * columns, device=votes.device).view(n, c, rows, 1, columns)
    places = histograms.repeat_interleave(cell, -1) * count + bins
    sums = votes.new_zeros(n * c * rows * columns * count).index_add_(0, places.flatten(), votes.flatten())
    return sums.view(n, c, rows, columns, count).permute(0, 1, 4, 2, 3)
