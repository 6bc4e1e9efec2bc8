"""What the network is asked to do: rebuild a picture from what a pretext leaves of it.

Random numbers come from torch's global generator of the device that holds the batch, which is seeded for every
batch: the same seed gives the same task on the same kind of device.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from pretrain.config import PretextConfig
from pretrain.restore import restored

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


@torch.no_grad()
def make_task(
    image: Float[Tensor, "n c h w"],
    config: PretextConfig,
    salient: Int64[Tensor, "n h w"] | None = None,
    other: View | None = None,
) -> Task:
    """The task that the settings make of clean pictures in [0, 1], of what stands out of them, and of another view."""
    match config.pretext:
        case "plain":
            task = Task(image, image)
        case "denoise":
            task = denoise(image, sigma=config.noise_sigma)
        case "mask":
            every_level = config.hidden_at == "every_level"
            task = mask(image, ratio=config.mask_ratio, patch_size=config.patch_size, every_level=every_level)
        case "restore":
            task = Task(restored(image, config), image)
    if config.skips == "drop":
        kept = torch.rand(len(image), device=image.device) >= config.skip_drop
        task = replace(task, keep=kept.to(image.dtype))
    return replace(task, salient=salient, other=other)


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
