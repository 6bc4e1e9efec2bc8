"""What an update minimises: how well a network does its task."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from pretrain.hog import hog
from pretrain.losses import ReconstructionLoss, composite
from pretrain.pretext import Task


class ImageObjective(nn.Module):
    """The image is asked for: its reconstruction is compared with it by up to three terms."""

    def __init__(self, loss: ReconstructionLoss) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, network: nn.Module, task: Task) -> dict[str, Float[Tensor, ""]]:
        """The terms by name; "loss" is the one that is minimised."""
        reconstruction = network(task.seen, keep=task.keep, visible=task.visible)
        return self.loss(reconstruction, task.target, task.weight)


class HogObjective(nn.Module):
    """The gradient histograms of the cells that count are asked for, and with `perceptual` its term on the image.

    The image head learns beside this from the squared error over all pixels. That moves the head alone, and is not
    counted in "loss", so that the best epoch is the pretext's own.

    Source: Wei et al. 2022, MaskFeat, arXiv 2112.09133, eq. 1 (squared error, mean over hidden cells).
    Deviation: the error is divided by the variance of histograms (`HOG_VARIANCE`); the decoder's full-size output is
    averaged over the cell; a cell counts by its share of hidden
    pixels where patches are finer than cells.
    """

    def __init__(self, perceptual_weight: float = 0.0, perceptual: nn.Module | None = None) -> None:
        super().__init__()
        self.perceptual_weight, self.perceptual = perceptual_weight, perceptual

    def forward(self, network: nn.Module, task: Task) -> dict[str, Float[Tensor, ""]]:
        """The terms by name; "loss" is the one that is minimised. Float32 at the least, under autocast too."""
        rebuilt = network(task.seen, keep=task.keep, visible=task.visible, target=True)
        dtype = torch.promote_types(rebuilt.target.dtype, torch.float32)
        reconstruction, aside, prediction = (output.to(dtype) for output in rebuilt)
        with torch.autocast(task.target.device.type, enabled=False):
            terms = {"hog": hog_error(prediction, task.target, task.weight)}
            loss = terms["hog"]
            if self.perceptual is not None:
                seen_again = composite(reconstruction, task.target, task.weight)
                terms["perceptual"] = self.perceptual(seen_again, task.target)
                loss = loss + self.perceptual_weight * terms["perceptual"]
            terms["mse"] = F.mse_loss(aside, task.target)
        beside = terms["mse"] - terms["mse"].detach()  # its gradient without its value
        return {"loss": loss + beside, **terms}


MEAN_HOG = 0.26
"""Of photographs. Predictions count from it: Adam would take hundreds of updates to move a bias there."""

HOG_VARIANCE = 0.043
"""Of photographs, about that mean. The error is told in it, as other terms are of the order of 1: beside a gradient
many times smaller an L2 term of the usual size rules."""


def hog_error(
    prediction: Float[Tensor, "n d p q"], image: Float[Tensor, "n c h w"], weight: Float[Tensor, "n 1 h w"] | None
) -> Float[Tensor, ""]:
    """The mean squared error between predicted histograms and the image's, over the cells that `weight` counts.

    A prediction is the difference to `MEAN_HOG`. In units of `HOG_VARIANCE`: 1 for who knows photographs and has not
    seen this one, 0 for a perfect prediction.
    """
    cell = image.shape[-1] // prediction.shape[-1]
    error = (MEAN_HOG + prediction - hog(image, cell=cell)).square().mean(1, keepdim=True) / HOG_VARIANCE
    if weight is None:
        return error.mean()
    shares = F.avg_pool2d(weight, cell)
    return (shares * error).sum() / shares.sum()
