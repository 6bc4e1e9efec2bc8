"""The image itself as the target."""

from collections.abc import Mapping

from torch import Tensor

from pretrain.losses.perceptual import perceptual_loss
from pretrain.losses.reconstruction import ReconstructionLoss
from pretrain.pretexts.task import Task
from pretrain.targets.registry import LossConfig
from pretrain.targets.target import Target, Terms


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
