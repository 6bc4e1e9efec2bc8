"""What the network regresses: the image itself, or a vector for each cell of it."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from common.ranks.group import total
from common.run.label_use import TeacherRecord
from pretrain.compared import Compared
from pretrain.losses.reconstruction import LEAST
from pretrain.pretexts.task import Task
from pretrain.targets.drawn import dimmed, principal_colours

CELL = 8

Terms = dict[str, Float[Tensor, ""]]
Pixels = UInt8[np.ndarray, "n _ _ 3"]


class Target(nn.Module):
    """A regression target.

    With `channels` a head predicts so many numbers for each cell of `cell` x `cell` pixels; with 0 the image head
    predicts the target.
    """

    name: str
    channels: int = 0
    cell: int = CELL
    taught_by: TeacherRecord | None = None
    """The network whose features it is; None for others."""
    train_images: Sequence[str] = ()
    """Digests of the images that taught that network, as far as they are known."""

    def terms(self, outputs: Mapping[str, Tensor], task: Task) -> Terms:
        """The terms by name, and their weighted sum as "loss"; `outputs` are those of the heads by their names."""
        raise NotImplementedError

    def compared(self, outputs: Mapping[str, Tensor], task: Task) -> Compared:
        """What the task asks for beside what was predicted, for yardsticks."""
        raise NotImplementedError

    def pictures(self, outputs: Mapping[str, Tensor], task: Task) -> tuple[Pixels, Pixels]:
        """What was asked for and what was guessed, as pictures; cells that do not count are dim."""
        raise NotImplementedError


class CellTarget(Target):
    """Vectors of `channels` numbers, one for each cell.

    Over photographs their entries have about the `mean` and the `variance`. Predictions are offsets from `mean`,
    because Adam needs hundreds of updates to learn a bias. Errors are divided by `variance`, so that the gradient keeps
    its usual size against weight decay.
    """

    mean = 0.0
    variance = 1.0

    def forward(self, image: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d p q"]:
        """The vectors of images in [0, 1], without a gradient."""
        raise NotImplementedError

    def terms(self, outputs: Mapping[str, Tensor], task: Task) -> Terms:
        """The error, as "loss" and under the target's name.

        Source: Wei et al. 2022, MaskFeat, arXiv 2112.09133, eq. 1 (squared error, mean over hidden cells).
        Deviation: the error is divided by the variance of the target; the decoder's full-size output is averaged over
        the cell; a cell counts by its share of hidden pixels where patches are finer than cells.
        """
        assert "target" in outputs, "the network has no head for the target"
        asked = self(task.image) if task.asked is None else task.asked
        error = self.error(outputs["target"], asked, task.weight)
        return {"loss": error, self.name: error}

    def compared(self, outputs: Mapping[str, Tensor], task: Task) -> Compared:
        """The vectors; a cell counts by its share of pixels that do."""
        asked = self(task.image)
        weight = torch.ones_like(task.image[:, :1]) if task.weight is None else task.weight
        return Compared(asked, self.mean + outputs["target"], F.avg_pool2d(weight, self.cell))

    def pictures(self, outputs: Mapping[str, Tensor], task: Task) -> tuple[Pixels, Pixels]:
        """The drawn vectors."""
        compared = self.compared(outputs, task)
        both = self.drawn(compared.asked.cpu().numpy(), compared.guessed.cpu().numpy())
        asked, guessed = (dimmed(one, compared.weight[:, 0].cpu().numpy()) for one in both)
        return asked, guessed

    def drawn(
        self, asked: Float[np.ndarray, "n d p q"], guessed: Float[np.ndarray, "n d p q"]
    ) -> tuple[Float[np.ndarray, "n _ _ 3"], Float[np.ndarray, "n _ _ 3"]]:
        """Vectors as pictures in [0, 1], with a whole number of pixels for each cell."""
        return principal_colours(asked, guessed)

    def error(
        self,
        prediction: Float[Tensor, "n d p q"],
        asked: Float[Tensor, "n d p q"],
        weight: Float[Tensor, "n 1 h w"] | None,
    ) -> Float[Tensor, ""]:
        """The mean squared error of predictions (offsets from `mean`) over the cells that `weight` counts.

        In units of `variance`: 1 for predicting the dataset mean, 0 for a perfect prediction. A cell counts by its
        share of pixels of weight 1.
        """
        error = (self.mean + prediction - asked).square().mean(1, keepdim=True) / self.variance
        if weight is None:
            return error.mean()
        shares = F.avg_pool2d(weight, self.cell)
        return total((shares * error).sum()) / total(shares.sum()).clamp(min=LEAST)
