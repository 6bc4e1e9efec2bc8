"""Foreground against pseudo-masks."""

from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

from common.data.classes import IGNORE


def saliency_error(
    logits: Float[Tensor, "n 1 h w"] | None, salient: Int64[Tensor, "n h w"] | None
) -> Float[Tensor, ""]:
    """Binary cross-entropy over the pixels that are not ignored, hidden ones too; 0 where all are ignored.

    `salient` is 1 for what stands out, 0 for ground, 255 for ignored.
    """
    assert logits is not None, "what stands out is asked of a network without a head for it"
    assert salient is not None, "what stands out is asked of pictures without a mask of it"
    counts = salient != IGNORE
    error = F.binary_cross_entropy_with_logits(logits[:, 0], (salient == 1).to(logits.dtype), reduction="none")
    return (error * counts).sum() / counts.sum().clamp(min=1)
