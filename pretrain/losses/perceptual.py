"""A loss that compares images by the features of a trained network."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from common.engine.precision import Lowered, autocast
from common.tensors import at_least_float32
from pretrain.fixed_network import FixedNetwork, perceptual_state
from pretrain.losses.reconstruction import composite
from pretrain.pretexts.task import Task
from pretrain.targets.registry import LossConfig


class PerceptualLoss(FixedNetwork, Lowered):
    """The distance of a reconstruction from its image in the features of a fixed network; 0 for equal images.

    Both are RGB in [0, 1]; the reconstruction may leave that range. Gradients reach the reconstruction alone.

    Source: Johnson et al. 2016, arXiv 1603.08155, eq. 2, averaged over four layers.
    Deviation: each layer's squared error is divided by the mean square of the image's own features there, for
    each image, because the layers differ in scale by orders of magnitude; predicting zeros costs 1 a layer.
    """

    def forward(self, reconstruction: Float[Tensor, "n 3 h w"], image: Float[Tensor, "n 3 h w"]) -> Float[Tensor, ""]:
        """The mean over layers and images, in float32 also under autocast; maps are computed in `form`."""
        with autocast(image.device, self.form):
            with torch.no_grad():
                truth = self.maps(image)
            found = self.maps(reconstruction)
        errors = [
            _relative_error(at_least_float32(ours), at_least_float32(theirs))
            for ours, theirs in zip(found, truth, strict=True)
        ]
        return torch.stack(errors).mean()


def perceptual_loss(config: LossConfig) -> PerceptualLoss | None:
    """The loss that the settings name; None for weight 0. Raises UserError where its weights can't be had."""
    return PerceptualLoss(perceptual_state(config)) if config.perceptual_weight > 0 else None


class PerceptualTerm(nn.Module):
    """The perceptual distance of the reconstruction, beside a target that is not the image."""

    name = "perceptual"

    def __init__(self, weight: float, loss: nn.Module) -> None:
        super().__init__()
        self.weight, self.loss = weight, loss

    def error(self, outputs: Mapping[str, Tensor], task: Task) -> Float[Tensor, ""]:
        """The distance over the pixels that count."""
        return self.loss(composite(outputs["image"], task.image, task.weight), task.image)


def _relative_error(ours: Float[Tensor, "n c h w"], theirs: Float[Tensor, "n c h w"]) -> Float[Tensor, ""]:
    error = (ours - theirs).square().mean(dim=(1, 2, 3))
    scale = theirs.square().mean(dim=(1, 2, 3))
    # Far below any features but those of a map of zeros.
    return (error / scale.clamp_min(1e-12)).mean()
