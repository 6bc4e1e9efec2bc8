"""Contrastive learning: two augmented views of an image are to be nearer to each other than to all others."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from common.models.decoder import Decoder
from common.models.encoder import Encoder
from common.ranks.group import gathered
from pretrain.heads import Projection
from pretrain.losses.side_objective import SideObjective
from pretrain.pretexts.task import Task

TEMPERATURE = 0.2


class Contrast(SideObjective):
    """The other view of each image among all views in the batch (SimCLR)."""

    name = "contrast"

    @staticmethod
    def head(encoder: Encoder, decoder: Decoder) -> Projection:  # noqa: ARG004
        """An embedding of each image."""
        return Projection(encoder.channels)

    def error(self, outputs: Mapping[str, Tensor], task: Task) -> Float[Tensor, ""]:  # noqa: ARG002
        """See `contrast_error`."""
        assert f"other_{self.name}" in outputs, "there is one view, and two are compared"
        return contrast_error(outputs[self.name], outputs[f"other_{self.name}"])


def contrast_error(
    first: Float[Tensor, "n d"], second: Float[Tensor, "n d"], *, temperature: float = TEMPERATURE
) -> Float[Tensor, ""]:
    """The cross-entropy, in nats, of finding an image's other view among all vectors of the batch.

    Vectors have length 1. Chance level is log(2n - 1); a batch of one gives 0. Of a batch that several processes share
    all vectors count.

    Source: Chen et al. 2020, SimCLR, arXiv 2002.05709, eq. 1 and algorithm 1 (NT-Xent).
    Deviation: none.
    """
    first, second = gathered(first), gathered(second)
    both = torch.cat([first, second])
    similarity = (both @ both.T / temperature).fill_diagonal_(-torch.inf)
    return F.cross_entropy(similarity, torch.arange(len(both), device=both.device).roll(len(first)))
