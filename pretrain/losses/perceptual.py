"""A loss that compares pictures as a trained network sees them."""

import torch
from jaxtyping import Float
from torch import Tensor

from pretrain.fixed_network import FixedNetwork


class PerceptualLoss(FixedNetwork):
    """How differently a fixed ImageNet network sees a reconstruction and its image; 0 for the same picture.

    Both are RGB in [0, 1]; the reconstruction may leave that range. Gradients reach the reconstruction alone.

    Source: Johnson et al. 2016, arXiv 1603.08155, eq. 2, averaged over four layers.
    Deviation: each layer's squared error is divided by the mean square of the image's own features there, for
    each image, because the layers differ in scale by orders of magnitude; predicting zeros costs 1 a layer.
    """

    def forward(self, reconstruction: Float[Tensor, "n 3 h w"], image: Float[Tensor, "n 3 h w"]) -> Float[Tensor, ""]:
        """The mean over layers and images, in float32 also under autocast."""
        with torch.no_grad():
            wanted = self.maps(image)
        errors = [
            _relative_error(_at_least_float32(got), _at_least_float32(want))
            for got, want in zip(self.maps(reconstruction), wanted, strict=True)
        ]
        return torch.stack(errors).mean()


def _relative_error(got: Float[Tensor, "n c h w"], want: Float[Tensor, "n c h w"]) -> Float[Tensor, ""]:
    error = (got - want).square().mean(dim=(1, 2, 3))
    scale = want.square().mean(dim=(1, 2, 3))
    # Far below any features but those of a map of zeros.
    return (error / scale.clamp_min(1e-12)).mean()


def _at_least_float32(features: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    return features.to(torch.promote_types(features.dtype, torch.float32))
