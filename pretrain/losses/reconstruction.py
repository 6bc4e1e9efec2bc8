"""The distance of a reconstruction from its image: pixel error, perceptual distance and structural dissimilarity."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from common.ranks.group import mean
from common.tensors import at_least_float32
from pretrain.losses.ssim import ssim

LEAST = 1e-6
"""Share of pixels that count, at least, so that there is a mean where none does."""


class ReconstructionLoss(nn.Module):
    """The distance of a reconstruction from its image, as a weighted sum of up to three terms.

    A term of weight 0 is neither computed nor returned. `perceptual` maps (reconstruction, image) to a
    scalar.

    Source: 1 - SSIM, Zhao et al. 2015, arXiv 1511.08861, the equation of L^SSIM; the perceptual term names
    its own; the sum of the three is system A's.
    Deviation: SSIM is averaged over the windows that lie inside the image. With `weight` (1 for pixels that
    count, 0 for others) the squared error is the mean over those pixels, and in the other two terms the other
    pixels are replaced by the image's own: these terms shrink with the share of pixels that count.
    """

    def __init__(
        self,
        mse_weight: float,
        perceptual_weight: float,
        *,
        ssim_weight: float,
        perceptual: nn.Module | None = None,
    ) -> None:
        super().__init__()
        weights = {"mse": mse_weight, "perceptual": perceptual_weight, "ssim_loss": ssim_weight}
        self.weights = {name: weight for name, weight in weights.items() if weight > 0}
        assert self.weights, "every term has weight 0"
        assert perceptual is not None or perceptual_weight == 0, "a perceptual weight without its network"
        self.perceptual = perceptual

    def forward(
        self,
        reconstruction: Float[Tensor, "n c h w"],
        image: Float[Tensor, "n c h w"],
        weight: Float[Tensor, "n 1 h w"] | None = None,
    ) -> dict[str, Float[Tensor, ""]]:
        """The terms unweighted, by name ("ssim_loss" is 1 - SSIM), and their weighted sum as "loss".

        The reconstruction is not clamped to [0, 1], so that values outside keep their gradient. Float32 at
        the least, under autocast too.
        """
        reconstruction = at_least_float32(reconstruction)
        image = image.to(reconstruction.dtype)
        with torch.autocast(image.device.type, enabled=False):
            terms = self._terms(composite(reconstruction, image, weight), image)
            if weight is not None and "mse" in terms:
                terms["mse"] = terms["mse"] / mean(weight).clamp(min=LEAST)
        loss = torch.stack([weight * terms[name] for name, weight in self.weights.items()]).sum()
        return {"loss": loss, **terms}

    def _terms(self, reconstruction: Tensor, image: Tensor) -> dict[str, Tensor]:
        terms = {}
        if "mse" in self.weights:
            terms["mse"] = F.mse_loss(reconstruction, image)
        if "perceptual" in self.weights and self.perceptual is not None:
            terms["perceptual"] = self.perceptual(reconstruction, image)
        if "ssim_loss" in self.weights:
            terms["ssim_loss"] = 1 - ssim(reconstruction, image).mean()
        return terms


def composite(
    reconstruction: Float[Tensor, "n c h w"], image: Float[Tensor, "n c h w"], weight: Float[Tensor, "n 1 h w"] | None
) -> Float[Tensor, "n c h w"]:
    """The reconstruction where `weight` is 1 (or None), the image where it is 0."""
    return reconstruction if weight is None else weight * reconstruction + (1 - weight) * image
