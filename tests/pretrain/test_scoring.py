"""Reconstruction scores image by image, and how much of them the skips carry."""

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from common.data.synthetic.pets import synthetic_pets
from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from pretrain.model import Autoencoder
from pretrain.scoring import means, score_images

CPU = torch.device("cpu")


def network(skips="all") -> Autoencoder:
    torch.manual_seed(0)
    encoder = UNetEncoder(widths=(4,) * 6)
    return Autoencoder(encoder, UNetDecoder(encoder.channels, encoder.strides, widths=(4,) * 5, skips=skips)).eval()


def test_scores_are_per_image_in_file_order_and_their_mean_is_reported():
    model, pack = network(), synthetic_pets(7, 64, seed=0)
    scores = score_images(model, pack, batch_size=3, device=CPU)
    image = torch.from_numpy(np.array(pack.images)).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        guess = model(image).clamp(0, 1).numpy()
    expected = [peak_signal_noise_ratio(t, g, data_range=1) for t, g in zip(image.numpy(), guess, strict=True)]
    np.testing.assert_allclose(scores["psnr"], expected, atol=1e-4)
    assert means(scores)["psnr"] == pytest.approx(np.mean(expected), abs=1e-4)


def test_the_skip_dependence_is_the_psnr_of_the_decoder_with_zeros_for_skips():
    model, pack = network(), synthetic_pets(4, 64, seed=0)
    image = torch.from_numpy(np.array(pack.images)).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        maps = model.encoder(image)
        guess = model.head(model.decoder([*(torch.zeros_like(m) for m in maps[:-1]), maps[-1]])).clamp(0, 1).numpy()
    expected = [peak_signal_noise_ratio(t, g, data_range=1) for t, g in zip(image.numpy(), guess, strict=True)]
    found = score_images(model, pack, batch_size=4, device=CPU)["psnr_no_skips"]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_decoder_without_skips_has_no_skip_dependence():
    assert "psnr_no_skips" not in score_images(network("none"), synthetic_pets(4, 64, seed=0), batch_size=4, device=CPU)
