"""How good reconstructions are, image by image."""

import torch
from jaxtyping import Float
from torch import Tensor

from pretrain.ssim import ssim

SMALLEST_MSE = 1e-10  # 100 dB


def reconstruction_scores(
    reconstruction: Float[Tensor, "n c h w"], image: Float[Tensor, "n c h w"]
) -> dict[str, Float[Tensor, "n"]]:
    """Scores each reconstruction as the picture somebody would see, that is clamped to [0, 1].

    "mse" in [0, 1], "psnr" in dB for a data range of 1, "ssim" in [-1, 1].

    Source: PSNR, Wang and Bovik 2009, doi 10.1109/MSP.2008.930649; SSIM, see `pretrain.ssim`.
    Deviation: PSNR stops at 100 dB, so that a mean over images exists; others give infinity for equal images.
    """
    dtype = torch.promote_types(reconstruction.dtype, torch.float32)
    reconstruction, image = reconstruction.to(dtype).clamp(0, 1), image.to(dtype)
    mse = (reconstruction - image).square().mean((1, 2, 3))
    psnr = -10 * mse.clamp(min=SMALLEST_MSE).log10()
    return {"mse": mse, "psnr": psnr, "ssim": ssim(reconstruction, image)}
