"""What an update minimises: how well a network does its task."""

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from pretrain.losses.contrastive import contrast_error
from pretrain.losses.pseudo_mask import saliency_error
from pretrain.losses.reconstruction import ReconstructionLoss, composite
from pretrain.model import Rebuilt
from pretrain.pretexts.task import Task
from pretrain.targets.target import Target

Terms = dict[str, Float[Tensor, ""]]


class ImageTerms(nn.Module):
    """The image is asked for: its reconstruction is compared with it by up to three terms."""

    def __init__(self, loss: ReconstructionLoss) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, rebuilt: Rebuilt, task: Task) -> Terms:
        """The terms by name, and their sum as "loss"."""
        return self.loss(rebuilt.reconstruction, task.target, task.weight)


class CellTerms(nn.Module):
    """A vector for each cell that counts is asked for, and with `perceptual` its term on the image.

    Source: Wei et al. 2022, MaskFeat, arXiv 2112.09133, eq. 1 (squared error, mean over hidden cells).
    Deviation: the error is divided by the variance of the target; the decoder's full-size output is averaged over the
    cell; a cell counts by its share of hidden pixels where patches are finer than cells.
    """

    def __init__(self, target: Target, perceptual_weight: float = 0.0, perceptual: nn.Module | None = None) -> None:
        super().__init__()
        self.target, self.perceptual_weight, self.perceptual = target, perceptual_weight, perceptual

    def forward(self, rebuilt: Rebuilt, task: Task) -> Terms:
        """The terms by name, and their sum as "loss"."""
        assert rebuilt.target is not None, "a target is asked of a network without a head for it"
        terms = {self.target.name: self.target.error(rebuilt.target, task.target, task.weight)}
        loss = terms[self.target.name]
        if self.perceptual is not None:
            seen_again = composite(rebuilt.reconstruction, task.target, task.weight)
            terms["perceptual"] = self.perceptual(seen_again, task.target)
            loss = loss + self.perceptual_weight * terms["perceptual"]
        return {"loss": loss, **terms}


class Objective(nn.Module):
    """What is asked for, and beside it by their weights what stands out and which views are of one picture; `asked`
    None for these alone.

    Where no image is asked for, its head learns aside from the squared error over all pixels. That moves the head
    alone, and is not counted in "loss", so that the best epoch is the pretext's own.
    """

    def __init__(
        self, asked: ImageTerms | CellTerms | None, *, saliency_weight: float = 0.0, contrast_weight: float = 0.0
    ) -> None:
        super().__init__()
        assert asked is not None or saliency_weight > 0 or contrast_weight > 0, "nothing is asked for"
        self.asked, self.saliency_weight, self.contrast_weight = asked, saliency_weight, contrast_weight

    def forward(self, network: nn.Module, task: Task) -> Terms:
        """The terms by name; "loss" is the one that is minimised. Float32 at the least, under autocast too."""
        seen = {"keep": task.keep, "visible": task.visible, "figure": task.salient}
        rebuilt = _at_least_float32(network(task.seen, **seen, heads=True))
        other = self._embedded(network, task) if self.contrast_weight > 0 else None
        with torch.autocast(task.target.device.type, enabled=False):
            terms = self.asked(rebuilt, task) if self.asked is not None else {}
            if self.saliency_weight > 0:
                terms["saliency"] = saliency_error(rebuilt.saliency, task.salient)
                terms["loss"] = terms.get("loss", 0) + self.saliency_weight * terms["saliency"]
            if other is not None and rebuilt.embedding is not None:
                terms["contrast"] = contrast_error(rebuilt.embedding, other.to(rebuilt.embedding.dtype))
                terms["loss"] = terms.get("loss", 0) + self.contrast_weight * terms["contrast"]
            if not isinstance(self.asked, ImageTerms):
                terms["mse"] = F.mse_loss(rebuilt.aside, task.target)
                terms["loss"] = terms["loss"] + terms["mse"] - terms["mse"].detach()  # its gradient without its value
        return terms

    def _embedded(self, network: nn.Module, task: Task) -> Float[Tensor, "n e"]:
        """The embedding of the other view."""
        assert task.other is not None, "views are to be compared, and there is one"
        image, figure = task.other
        return network(image, figure=figure, heads="embedding")


def _at_least_float32(rebuilt: Rebuilt) -> Rebuilt:
    dtype = torch.promote_types(rebuilt.reconstruction.dtype, torch.float32)
    return Rebuilt(*(cast(Tensor, None if one is None else one.to(dtype)) for one in rebuilt))
