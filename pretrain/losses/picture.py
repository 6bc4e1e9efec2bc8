"""How a picture beside the task is compared with its image; no label in it reaches the encoder."""

import torch
from torch import nn

from common.models.weights import IMAGENET, cached, imagenet_state
from common.say import say
from pretrain.losses.perceptual import PerceptualLoss
from pretrain.losses.reconstruction import ReconstructionLoss
from pretrain.targets.registry import FIXED_NETWORK, LossConfig

PERCEPTUAL_WEIGHT, SSIM_WEIGHT = 0.02, 0.1
"""Beside the squared error, whose weight is 1."""
ABSENT = f"ImageNet's {FIXED_NETWORK} is not here, and --perceptual_weights_path names its file"


class PictureLoss(ReconstructionLoss):
    """The squared error and 1 - SSIM, with a network of ImageNet also the perceptual distance in its features."""

    def __init__(self, perceptual: nn.Module | None = None) -> None:
        weight = 0.0 if perceptual is None else PERCEPTUAL_WEIGHT
        super().__init__(1.0, weight, ssim_weight=SSIM_WEIGHT, perceptual=perceptual)

    def __str__(self) -> str:
        between = "" if self.perceptual is None else f" + perceptual ({FIXED_NETWORK}, ImageNet)"
        return f"MSE{between} + SSIM"


def picture_loss(settings: LossConfig, *, channels: int, needed: bool) -> PictureLoss:
    """The loss, with the perceptual distance where ImageNet's weights are at hand; a line says which it is.

    They are those that the run has anyway (`needed`), else those of the file that is named, else those in a cache: for
    pictures none are downloaded. A --perceptual_init without ImageNet keeps it out of the pictures, too. The random
    numbers of others stay as they are. Raises UserError where the named file is another one.
    """
    loss, path = PictureLoss(), settings.perceptual_weights_path
    possible = settings.perceptual_init == "imagenet" and channels == 3
    if possible and not needed:
        path = path or cached(IMAGENET[FIXED_NETWORK])
    if possible and (needed or path is not None):
        with torch.random.fork_rng(devices=[]):  # the network is drawn before it is loaded
            loss = PictureLoss(PerceptualLoss(imagenet_state(FIXED_NETWORK, path)))
    told = f" of {path}" if loss.perceptual is not None and path is not None else ""
    if possible and loss.perceptual is None:
        told = f" ({ABSENT})"
    say(f"pictures beside the task: {loss}{told}")
    return loss
