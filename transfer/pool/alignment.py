"""Probabilities whose means are those of the masks: a teacher that sees a class too often does not teach it so."""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

MEMORY = 0.95
"""Decay per batch of the means."""
LEAST = 1e-4
"""Of a mean."""


class Alignment:
    """Shifts probabilities so that each part of the classes has in mean the share of the pixels that masks have.

    Source: Berthelot et al. 2020, ReMixMatch, arXiv 1911.09785, section 3.1 (distribution alignment).
    Deviation: shares are of pixels; with a `background` the parts are that and all other classes together.
    """

    def __init__(self, pixels: Float[Tensor, "k"], background: int | None) -> None:
        """`pixels`: those of each class in the masks; without a `background` each class is a part of its own."""
        classes = torch.arange(len(pixels))
        self.parts = F.one_hot(classes if background is None else (classes == background).long()).float()
        """1 where a class (row) is of a part (column)."""
        self.wanted = F.normalize(pixels @ self.parts, p=1, dim=0)
        self.seen = self.wanted.clone()

    def state_dict(self) -> dict[str, Any]:
        """The means so far."""
        return {"seen": self.seen}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.seen = state["seen"].clone()

    def __call__(self, chances: Float[Tensor, "n k h w"]) -> Float[Tensor, "n k h w"]:
        """The shifted probabilities of a batch, which is counted."""
        means = chances.mean((0, 2, 3)).cpu().float() @ self.parts
        self.seen = MEMORY * self.seen + (1 - MEMORY) * means
        factors = self.parts @ (self.wanted / self.seen.clamp_min(LEAST))
        return F.normalize(chances * factors.to(chances)[:, None, None], p=1, dim=1)
