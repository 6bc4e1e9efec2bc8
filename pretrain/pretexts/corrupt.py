"""Corruptions of single pixels and of patches: noise, and masking."""

import torch
from jaxtyping import Float
from torch import Tensor

from pretrain.pretexts.registry import DenoiseSettings, MaskSettings
from pretrain.pretexts.task import Task


def denoise(image: Float[Tensor, "n c h w"], settings: DenoiseSettings) -> Task:
    """Add Gaussian noise of standard deviation `noise_sigma` to every value, without clamping; all pixels count.

    Source: Brempong et al. 2022, arXiv 2205.11423.
    Deviation: the target is the clean image, in the paper the noise; encoder and decoder learn together.
    """
    return Task(image + settings.noise_sigma * torch.randn_like(image), image)


def mask(image: Float[Tensor, "n c h w"], settings: MaskSettings) -> Task:
    """Hide (zero) the share `mask_ratio` of the square patches of every image; only hidden pixels count.

    At least one patch is hidden and one visible. `patch_size` divides the sides. Unless `hidden_at` is "input" the
    encoder also keeps them out of its maps, where it can.

    Source: Wei et al. 2022, MaskFeat, arXiv 2112.09133; with "every_level" Tian et al. 2023, SparK, arXiv
    2301.03580, section 3; see `UNetEncoder.visible_pyramid`.
    Deviation: the encoder's mean colour in place of a learned token; patches may be finer than the encoder's coarsest
    stride (32 in SparK); where they are, a coarse cell is hidden only if all of it is.
    """
    count, _, height, width = image.shape
    side = settings.patch_size
    rows, columns = height // side, width // side
    hidden = min(max(round(settings.mask_ratio * rows * columns), 1), rows * columns - 1)
    ranks = torch.rand(count, rows * columns, device=image.device).argsort(1).argsort(1)
    patches = (ranks >= hidden).to(image.dtype).view(count, 1, rows, columns)
    visible = patches.repeat_interleave(side, 2).repeat_interleave(side, 3)
    everywhere = settings.hidden_at != "input"
    return Task(image * visible, image, weight=1 - visible, visible=visible, everywhere=everywhere)
