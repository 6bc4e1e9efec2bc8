"""What every side objective promises."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int64, UInt8
from torch import Tensor, nn

from common.models.decoder import Decoder
from common.models.encoder import Encoder
from pretrain.heads import Head
from pretrain.pretexts.task import Task
from pretrain.registered import Settings


class SideObjective(nn.Module):
    """An error that is added to the loss by its `weight`, beside the target or in place of it."""

    name: str
    """As it is registered: of its head and of its term."""

    def __init__(self, weight: float, settings: Settings | None = None) -> None:
        super().__init__()
        self.weight, self.settings = weight, settings

    @staticmethod
    def head(encoder: Encoder, decoder: Decoder) -> Head:
        """A head with fresh weights, whose output is predicted under the objective's name."""
        raise NotImplementedError

    def error(self, outputs: Mapping[str, Tensor], task: Task) -> Float[Tensor, ""]:
        """The error of the heads' outputs; those of the task's other view are called "other_<name>"."""
        raise NotImplementedError

    @staticmethod
    def picture(
        prediction: Tensor,  # noqa: ARG004
        pseudo_mask: Int64[Tensor, "n h w"] | None,  # noqa: ARG004
    ) -> dict[str, UInt8[np.ndarray, "n h w 3"]]:
        """Pictures of its head's output on whole images, by their captions; none where there is nothing to see."""
        return {}
