"""What a segmentation network minimises: a weighted sum of the registered losses."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from common.errors import UserError
from transfer.config import LossConfig
from transfer.losses.class_weights import make_class_weights
from transfer.losses.registry import TERMS


class SegmentationLoss(nn.Module):
    """The weighted sum of the losses in `TERMS`; one of weight 0 is neither computed nor returned.

    `class_pixels`: the training set's pixels of each class, with which the class weights start.
    Raises UserError for settings that do not fit the number of classes.

    Source: Isensee et al. 2018 (nnU-Net), arXiv 1809.10486, the equation of L_total.
    Deviation: the terms, and the classes in cross-entropy and focal loss, have weights.
    """

    def __init__(self, num_classes: int, config: LossConfig, *, class_pixels: Int64[Tensor, "k"] | None = None) -> None:
        super().__init__()
        self.weights = {name: term.weight(config) for name, term in TERMS.items() if term.weight(config) > 0}
        for name in self.weights:
            if TERMS[name].two_classes and num_classes != 2:
                raise UserError(
                    f"--{TERMS[name].flag} is for two classes, the data has {num_classes}: use --ce_weight, "
                    "or --classes binary"
                )
        self.num_classes = num_classes
        self.class_weights = make_class_weights(num_classes, config, class_pixels) if config.weighted_ce else None

    def forward(self, logits: Float[Tensor, "n k h w"], mask: Int64[Tensor, "n h w"]) -> dict[str, Float[Tensor, ""]]:
        """The terms unweighted, by name, and their weighted sum as "loss".

        Float32 at the least, under autocast too. In training mode the class weights follow the batch.
        """
        class_weights = self._weigh_classes(mask)
        with torch.autocast(logits.device.type, enabled=False):
            terms = {name: TERMS[name].formula(logits, mask, class_weights) for name in self.weights}
        loss = torch.stack([weight * terms[name] for name, weight in self.weights.items()]).sum()
        return {"loss": loss, **terms}

    def _weigh_classes(self, mask: Int64[Tensor, "n h w"]) -> Float[Tensor, "k"]:
        if self.class_weights is None:
            return torch.ones(self.num_classes, device=mask.device)
        if self.training:
            self.class_weights.update(mask)
        return self.class_weights.weights()
