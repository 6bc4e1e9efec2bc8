"""Random variation of training batches, done by kornia on the device that holds the batch."""

from typing import overload

import torch
from jaxtyping import Bool, Float32, Int64
from kornia.augmentation import (
    AugmentationBase2D,
    AugmentationSequential,
    ColorJitter,
    RandomAffine,
    RandomBrightness,
    RandomContrast,
    RandomHorizontalFlip,
    RandomVerticalFlip,
)
from kornia.constants import DataKey, Resample, SamplePadding
from torch import Tensor

from common.config.groups import AugmentConfig
from common.data.batches import Batch
from common.data.classes import IGNORE

MASK_RULES = {"resample": Resample.NEAREST, "padding_mode": SamplePadding.ZEROS}


class Augment:
    """Flips, turns, scales, shifts and recolours the images of a batch, each in its own way with its mask.

    Whatever moves in from outside is 255 in the mask. In the image it is a reflection: that keeps the
    statistics of photographs, on which normalisation and the autoencoder rely; black corners would not.
    Random numbers come from torch's global CPU generator on every device: `torch.manual_seed` repeats them.
    """

    def __init__(self, config: AugmentConfig, *, channels: int = 3) -> None:
        self._steps = _steps(config, channels)
        self._mirror = next((step for step in self._steps if isinstance(step, RandomHorizontalFlip)), None)
        self._apply = AugmentationSequential(*self._steps, extra_args={DataKey.MASK: MASK_RULES})

    @overload
    def __call__(
        self, image: Float32[Tensor, "n c h w"], mask: None = None
    ) -> tuple[Float32[Tensor, "n c h w"], None]: ...
    @overload
    def __call__(
        self, image: Float32[Tensor, "n c h w"], mask: Int64[Tensor, "n h w"]
    ) -> tuple[Float32[Tensor, "n c h w"], Int64[Tensor, "n h w"]]: ...
    @overload
    def __call__(
        self, image: Float32[Tensor, "n c h w"], mask: Int64[Tensor, "n h w"] | None
    ) -> tuple[Float32[Tensor, "n c h w"], Int64[Tensor, "n h w"] | None]: ...
    @torch.no_grad()
    def __call__(
        self, image: Float32[Tensor, "n c h w"], mask: Int64[Tensor, "n h w"] | None = None
    ) -> tuple[Float32[Tensor, "n c h w"], Int64[Tensor, "n h w"] | None]:
        """Return new tensors, or the same ones where every setting is 0; images stay between 0 and 1."""
        if not self._steps:
            return image, mask
        if mask is None:
            return self._apply(image, data_keys=["input"]).clamp(0, 1), None
        # kornia pads masks with 0, that is background: so 0 stands for "ignored" while the mask is moved.
        shifted = (mask - IGNORE)[:, None].to(image.dtype)
        image, shifted = self._apply(image, shifted, data_keys=["input", "mask"])
        return image.clamp(0, 1), shifted[:, 0].long() + IGNORE

    def mirrored(self, count: int) -> Bool[Tensor, " n"]:
        """Which of the `count` images of the last call were flipped left to right."""
        if self._mirror is None:
            return torch.zeros(count, dtype=torch.bool)
        return self._mirror._params["batch_prob"].cpu() > 0.5


def augmented(
    batch: Batch, augment: Augment
) -> tuple[Float32[Tensor, "n c h w"], Int64[Tensor, "n h w"] | None, Bool[Tensor, "n 1 h w"] | None]:
    """A view of a batch: images, masks, and which pixels are valid, where the batch says so.

    What moves in from outside is not. The masks of such a batch are 255 in its padding.
    """
    if batch.valid is None:
        return *augment(batch.image, batch.mask), None
    padding = torch.where(batch.valid[:, 0], 0, IGNORE)
    image, mask = augment(batch.image, padding if batch.mask is None else batch.mask)
    return image, None if batch.mask is None else mask, mask[:, None] != IGNORE


def _steps(config: AugmentConfig, channels: int) -> list[AugmentationBase2D]:
    steps: list[AugmentationBase2D] = []
    if config.hflip:
        steps.append(RandomHorizontalFlip(p=config.hflip))
    if config.vflip:
        steps.append(RandomVerticalFlip(p=config.vflip))
    if config.rotate or config.scale or config.translate:
        steps.append(
            RandomAffine(
                degrees=config.rotate,
                translate=(config.translate, config.translate),
                scale=(1 - config.scale, 1 + config.scale),
                padding_mode="reflection",
                p=1,
            )
        )
    if config.jitter:
        # Hue changes colours most: a quarter of the strength, as in SimCLR (Chen et al. 2020, appendix A).
        strength = config.jitter
        colours = [ColorJitter(strength, strength, strength, strength / 4, p=1)]
        steps += colours if channels == 3 else _light_steps(strength)
    return steps


def _light_steps(strength: float) -> list[AugmentationBase2D]:
    """What is left of recolouring where channels are not red, green and blue."""
    span = (1 - strength, 1 + strength)
    return [RandomBrightness(brightness=span, p=1), RandomContrast(contrast=span, p=1)]
