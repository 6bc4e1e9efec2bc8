"""The image itself as the target."""

from collections.abc import Mapping

import torch
from torch import Tensor

from common.figures import to_bytes
from pretrain.compared import Compared
from pretrain.losses.perceptual import perceptual_loss
from pretrain.losses.reconstruction import LEAST, ReconstructionLoss, composite
from pretrain.pretexts.task import Task
from pretrain.targets.registry import LossConfig
from pretrain.targets.target import Pixels, Target, Terms


class ImageTarget(Target):
    """The clean image, which the reconstruction is compared with by up to three terms."""

    name = "image"

    def __init__(self, settings: LossConfig, channels: int) -> None:  # noqa: ARG002
        super().__init__()
        self.loss = ReconstructionLoss(
            settings.mse_weight,
            settings.perceptual_weight,
            ssim_weight=settings.ssim_weight,
            perceptual=perceptual_loss(settings),
        )

    def terms(self, outputs: Mapping[str, Tensor], task: Task) -> Terms:
        """The terms of `ReconstructionLoss`."""
        return self.loss(outputs["image"], task.image, task.weight)

    def compared(self, outputs: Mapping[str, Tensor], task: Task) -> Compared:
        """The pixels less their image's mean colour, which is the guess to beat."""
        weight = torch.ones_like(task.image[:, :1]) if task.weight is None else task.weight
        mean = (weight * task.image).sum((2, 3), keepdim=True) / weight.sum((2, 3), keepdim=True).clamp(min=LEAST)
        return Compared(task.image - mean, outputs["image"].clamp(0, 1) - mean, weight)

    def pictures(self, outputs: Mapping[str, Tensor], task: Task) -> tuple[Pixels, Pixels]:
        """The image, and its reconstruction where pixels count."""
        return to_bytes(task.image), to_bytes(composite(outputs["image"], task.image, task.weight))
