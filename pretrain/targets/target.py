"""What is asked for in place of pixels: a vector for each cell of a picture."""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

CELL = 8


class Target(nn.Module):
    """Vectors of `channels` numbers for each cell of `cell` x `cell` pixels.

    Over photographs their entries have about the `mean` and the `variance`: predictions count from the one, since Adam
    would take hundreds of updates to move a bias there, and errors are told in the other, since beside a gradient many
    times smaller than those of other terms an L2 term of the usual size rules.
    """

    name: str
    channels: int
    cell = CELL
    mean = 0.0
    variance = 1.0

    def forward(self, image: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d p q"]:
        """The vectors of pictures in [0, 1], without a gradient."""
        raise NotImplementedError

    def error(
        self,
        prediction: Float[Tensor, "n d p q"],
        image: Float[Tensor, "n c h w"],
        weight: Float[Tensor, "n 1 h w"] | None,
    ) -> Float[Tensor, ""]:
        """The mean squared error of predictions (differences to `mean`) over the cells that `weight` counts.

        In units of `variance`: 1 for who knows photographs and has not seen this one, 0 for a perfect prediction. A
        cell counts by its share of pixels that weigh 1.
        """
        error = (self.mean + prediction - self(image)).square().mean(1, keepdim=True) / self.variance
        if weight is None:
            return error.mean()
        shares = F.avg_pool2d(weight, self.cell)
        return (shares * error).sum() / shares.sum()
