"""What an update minimises: how well a network does its task."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from pretrain.losses import ReconstructionLoss, composite
from pretrain.pretext import Task
from pretrain.target import Target


class ImageObjective(nn.Module):
    """The image is asked for: its reconstruction is compared with it by up to three terms."""

    def __init__(self, loss: ReconstructionLoss) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, network: nn.Module, task: Task) -> dict[str, Float[Tensor, ""]]:
        """The terms by name; "loss" is the one that is minimised."""
        reconstruction = network(task.seen, keep=task.keep, visible=task.visible)
        return self.loss(reconstruction, task.target, task.weight)


class CellObjective(nn.Module):
    """A vector for each cell that counts is asked for, and with `perceptual` its term on the image.

    The image head learns beside this from the squared error over all pixels. That moves the head alone, and is not
    counted in "loss", so that the best epoch is the pretext's own.

    Source: Wei et al. 2022, MaskFeat, arXiv 2112.09133, eq. 1 (squared error, mean over hidden cells).
    Deviation: the error is divided by the variance of the target; the decoder's full-size output is averaged over the
    cell; a cell counts by its share of hidden pixels where patches are finer than cells.
    """

    def __init__(self, target: Target, perceptual_weight: float = 0.0, perceptual: nn.Module | None = None) -> None:
        super().__init__()
        self.target, self.perceptual_weight, self.perceptual = target, perceptual_weight, perceptual

    def forward(self, network: nn.Module, task: Task) -> dict[str, Float[Tensor, ""]]:
        """The terms by name; "loss" is the one that is minimised. Float32 at the least, under autocast too."""
        rebuilt = network(task.seen, keep=task.keep, visible=task.visible, target=True)
        dtype = torch.promote_types(rebuilt.target.dtype, torch.float32)
        reconstruction, aside, prediction = (output.to(dtype) for output in rebuilt)
        with torch.autocast(task.target.device.type, enabled=False):
            terms = {self.target.name: self.target.error(prediction, task.target, task.weight)}
            loss = terms[self.target.name]
            if self.perceptual is not None:
                seen_again = composite(reconstruction, task.target, task.weight)
                terms["perceptual"] = self.perceptual(seen_again, task.target)
                loss = loss + self.perceptual_weight * terms["perceptual"]
            terms["mse"] = F.mse_loss(aside, task.target)
        beside = terms["mse"] - terms["mse"].detach()  # its gradient without its value
        return {"loss": loss + beside, **terms}
