"""Foreground against pseudo-masks."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int64, UInt8
from torch import Tensor
from torch.nn import functional as F

from common.colours import heat
from common.data.classes import IGNORE
from common.models.decoder import Decoder
from common.models.encoder import Encoder
from common.ranks.group import total
from pretrain.heads import PixelHead
from pretrain.losses.side_objective import SideObjective
from pretrain.pretexts.task import Task


class PseudoMask(SideObjective):
    """The foreground, learnt from the pseudo-masks of the training photographs."""

    name = "pseudo_mask"

    @staticmethod
    def head(encoder: Encoder, decoder: Decoder) -> PixelHead:  # noqa: ARG004
        """A logit of foreground for each pixel."""
        return PixelHead(decoder, 1)

    def error(self, outputs: Mapping[str, Tensor], task: Task) -> Float[Tensor, ""]:
        """See `pseudo_mask_error`."""
        assert self.name in outputs, "the network has no head for the foreground"
        assert task.foreground is not None, "the images come without pseudo-masks"
        return pseudo_mask_error(outputs[self.name], task.foreground)

    @staticmethod
    def picture(
        prediction: Float[Tensor, "n 1 h w"], pseudo_mask: Int64[Tensor, "n h w"] | None
    ) -> dict[str, UInt8[np.ndarray, "n h w 3"]]:
        """The pseudo-masks where they are known, and the predicted probability from black 0 to white 1."""
        foreground = {"foreground": heat(probability(prediction), "gray")}
        if pseudo_mask is None:
            return foreground
        return {"pseudo-mask": heat((pseudo_mask == 1).cpu().numpy().astype(float), "gray"), **foreground}


def pseudo_mask_error(logits: Float[Tensor, "n 1 h w"], foreground: Int64[Tensor, "n h w"]) -> Float[Tensor, ""]:
    """Binary cross-entropy over the pixels that are not ignored, hidden ones too; 0 where all are ignored.

    `foreground` is 1 for foreground, 0 for background, 255 for ignored pixels.
    """
    counts = foreground != IGNORE
    error = F.binary_cross_entropy_with_logits(logits[:, 0], (foreground == 1).to(logits.dtype), reduction="none")
    return total((error * counts).sum()) / total(counts.sum()).clamp(min=1)


def probability(logits: Float[Tensor, "n 1 h w"]) -> Float[np.ndarray, "n h w"]:
    """The probability of foreground in each pixel."""
    return logits[:, 0].float().sigmoid().cpu().numpy()
