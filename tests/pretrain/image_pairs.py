"""Pairs of images, and how scikit-image scores them."""

import torch
from skimage.metrics import structural_similarity


def textured_pair(n=3, height=24, width=31, noise=0.15, dtype=torch.float64):
    """Images with gradients and edges, and noisy, darker copies of them; all in [0, 1]."""
    generator = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    waves = torch.stack([torch.sin(9 * x * (i + 1)) * torch.cos(7 * y) for i in range(3 * n)])
    image = (0.5 + 0.4 * waves.reshape(n, 3, height, width)).to(dtype)
    other = 0.8 * image + noise * torch.randn(image.shape, generator=generator, dtype=torch.float64).to(dtype)
    return other.clamp(0, 1), image


def per_image(score, reconstruction, image):
    pairs = zip(reconstruction.double().numpy(), image.double().numpy(), strict=True)
    return torch.tensor([score(truth, guess) for guess, truth in pairs], dtype=torch.float64)


def skimage_ssim(truth, guess):
    return structural_similarity(
        truth,
        guess,
        channel_axis=0,
        data_range=1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
