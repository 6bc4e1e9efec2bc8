"""Pictures with noise, and pictures with patches hidden."""

import torch
from jaxtyping import Float
from torch import Tensor

from pretrain.pretexts.task import Task


def denoise(image: Float[Tensor, "n c h w"], *, sigma: float) -> Task:
    """Gaussian noise of standard deviation `sigma` is added to every value, without clamping; all pixels count.

    Source: Brempong et al. 2022, arXiv 2205.11423.
    Deviation: the clean image is asked for, the paper asks for the noise; encoder and decoder learn together.
    """
    return Task(image + sigma * torch.randn_like(image), image)


def mask(image: Float[Tensor, "n c h w"], *, ratio: float, patch_size: int, every_level: bool) -> Task:
    """Square patches are hidden (zero), the share `ratio` of them in every image; only hidden pixels count.

    At least one patch is hidden and one visible. `patch_size` divides the sides. With `every_level` the encoder
    also keeps them out of its maps.

    Source: Wei et al. 2022, MaskFeat, arXiv 2112.09133; with `every_level` Tian et al. 2023, SparK, arXiv
    2301.03580, section 3; see `UNetEncoder.forward`.
    Deviation: black in place of a learned token; patches may be finer than the encoder's coarsest stride (32 in
    SparK); where they are, a coarse cell is hidden only if all of it is.
    """
    count, _, height, width = image.shape
    rows, columns = height // patch_size, width // patch_size
    hidden = min(max(round(ratio * rows * columns), 1), rows * columns - 1)
    ranks = torch.rand(count, rows * columns, device=image.device).argsort(1).argsort(1)
    patches = (ranks >= hidden).to(image.dtype).view(count, 1, rows, columns)
    visible = patches.repeat_interleave(patch_size, 2).repeat_interleave(patch_size, 3)
    return Task(image * visible, image, weight=1 - visible, visible=visible if every_level else None)
