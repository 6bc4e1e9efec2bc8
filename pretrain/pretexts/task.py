"""What a pretext makes of a batch."""

from dataclasses import dataclass

from jaxtyping import Float, Int64
from torch import Tensor

View = tuple[Float[Tensor, "n c h w"], Int64[Tensor, "n h w"] | None]
"""Pictures, and what stands out of them where that is known."""


@dataclass(frozen=True)
class Task:
    """A batch of pictures to rebuild."""

    seen: Float[Tensor, "n c h w"]
    """What the network is shown."""
    target: Float[Tensor, "n c h w"]
    """What it is to rebuild."""
    weight: Float[Tensor, "n 1 h w"] | None = None
    """1 for the pixels that enter the loss, 0 for others; None for all."""
    visible: Float[Tensor, "n 1 h w"] | None = None
    """0 for the pixels that the encoder hides at every scale; None for none."""
    keep: Float[Tensor, " n"] | None = None
    """0 for the samples whose skips are dropped, 1 for others; None for none."""
    salient: Int64[Tensor, "n h w"] | None = None
    """1 for pixels of what stands out, 0 for others, 255 for those that count nowhere; None where nobody asks."""
    other: View | None = None
    """Another view of the same pictures, which is to be told from those of others; None where nobody asks."""
