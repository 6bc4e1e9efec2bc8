"""Structural similarity: one wrapper, shared by the loss and the metric."""

import pytorch_msssim
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from common.errors import UserError
from common.tensors import at_least_float32

WINDOW = 11


def ssim(x: Float[Tensor, "n c h w"], y: Float[Tensor, "n c h w"]) -> Float[Tensor, "n"]:
    """How alike two pictures look, judged by local brightness, contrast and structure: one number per image.

    Range [-1, 1], 1 for equal images. Inputs lie in [0, 1] and are at least 11 pixels a side, else UserError.
    Computed in float32 at the least, under autocast too.

    Source: Wang et al. 2004, doi 10.1109/TIP.2003.819861, equations 13 to 17, with its Gaussian window of
    11 x 11 pixels and sigma 1.5.
    Deviation: the mean over colour channels; images are not padded, so no window is centred within 5 pixels
    of the border (nor is it in scikit-image's mean).
    """
    height, width = x.shape[-2:]
    if min(height, width) < WINDOW:
        raise UserError(
            f"SSIM looks through a window of {WINDOW} x {WINDOW} pixels, the images are {height} x {width}; "
            f"choose an --image_size of at least {WINDOW}."
        )
    x, y = _exact(x), _exact(y)
    # pytorch-msssim returns bfloat16 under autocast even for float32 inputs
    with torch.autocast(x.device.type, enabled=False):
        return pytorch_msssim.ssim(x, y, data_range=1.0, size_average=False, win_size=WINDOW, win_sigma=1.5)


def ssim_within(
    x: Float[Tensor, "n c h w"], y: Float[Tensor, "n c h w"], valid: Bool[Tensor, "n 1 h w"] | None
) -> Float[Tensor, "n"]:
    """`ssim` over the windows that see a `valid` pixel, all others taken to be equal; over all windows for None."""
    if valid is None:
        return ssim(x, y)
    alike = ssim(torch.where(valid, x, y), y)  # 1 in every window of the others
    seeing = F.max_pool2d(valid.to(x.dtype), WINDOW, stride=1).mean((1, 2, 3))
    return 1 - (1 - alike) / seeing


def _exact(image: Tensor) -> Tensor:
    """Lifts half precision to float32; channels-last on a CPU, which is twice as fast in it, and nowhere else.

    cuDNN may convolve channels-last in TF32. Variances are differences of nearly equal numbers: rounding to 10 bits
    would swamp them.
    """
    order = torch.channels_last if image.device.type == "cpu" else torch.contiguous_format
    return at_least_float32(image).contiguous(memory_format=order)
