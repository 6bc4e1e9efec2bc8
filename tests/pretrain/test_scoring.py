"""Reconstruction scores image by image, and how much of them the skips carry."""

import numpy as np
import pytest
import torch
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio

from common.data.synthetic.pets import synthetic_pets
from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from common.models.published import TransposeDecoder
from pretrain.model import Autoencoder
from pretrain.scoring import foreground_probability, means, reconstruction_scores, score_images, score_outlines
from tests.pretrain.image_pairs import per_image, skimage_ssim, textured_pair

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
        guess = model.rebuild([*(torch.zeros_like(m) for m in maps[:-1]), maps[-1]], image).clamp(0, 1).numpy()
    expected = [peak_signal_noise_ratio(t, g, data_range=1) for t, g in zip(image.numpy(), guess, strict=True)]
    scores = score_images(model, pack, batch_size=4, device=CPU)["psnr_no_skips"]
    np.testing.assert_allclose(scores, expected, atol=1e-4)


def test_a_decoder_without_skips_has_no_skip_dependence():
    assert "psnr_no_skips" not in score_images(network("none"), synthetic_pets(4, 64, seed=0), batch_size=4, device=CPU)


def test_a_decoder_that_never_takes_skips_is_scored():
    encoder = UNetEncoder(widths=(4,) * 6)
    decoder = TransposeDecoder(encoder.channels, encoder.strides)
    scores = score_images(Autoencoder(encoder, decoder), synthetic_pets(4, 64, seed=0), batch_size=4, device=CPU)
    assert scores.keys() == {"mse", "psnr", "ssim", "psnr_mean_colour"}


@pytest.mark.parametrize("background", [0, 1])
def test_outlines_are_compared_with_all_classes_but_the_background(background):
    encoder = UNetEncoder(widths=(4,) * 6)
    decoder = UNetDecoder(encoder.channels, encoder.strides, widths=(4,) * 5)
    model, pack = Autoencoder(encoder, decoder, side=["pseudo_mask"]).eval(), synthetic_pets(5, 64, seed=0)
    ours = score_outlines(model, pack, background=background, batch_size=2, device=CPU)
    image = torch.from_numpy(np.array(pack.images)).permute(0, 3, 1, 2).float() / 255
    predicted = foreground_probability(model, image) > 0.5
    for iou, guess, mask in zip(ours, predicted, pack.masks, strict=True):
        truth, known = (mask != background)[mask != 255], guess[mask != 255]
        assert iou == pytest.approx((truth & known).sum() / (truth | known).sum())
    assert score_outlines(model, pack, background=None, batch_size=2, device=CPU) is None
    assert score_outlines(model, pack.without_labels(), background=0, batch_size=2, device=CPU) is None
    assert score_outlines(network(), pack, background=0, batch_size=2, device=CPU) is None


def test_the_chance_level_is_the_psnr_of_the_mean_colour():
    pack = synthetic_pets(3, 64, seed=0)
    image = torch.from_numpy(np.array(pack.images)).permute(0, 3, 1, 2).float() / 255
    constant = image.mean((2, 3), keepdim=True).expand_as(image)
    scores = score_images(network(), pack, batch_size=2, device=CPU)["psnr_mean_colour"]
    np.testing.assert_allclose(scores, reconstruction_scores(constant, image)["psnr"], atol=1e-4)


def test_scores_equal_scikit_image_with_the_reconstruction_clamped():
    image = textured_pair()[1]
    reconstruction = 1.7 * image - 0.3  # leaves [0, 1] on both sides
    seen = reconstruction.clamp(0, 1)
    scores = reconstruction_scores(reconstruction, image)
    psnr = per_image(lambda truth, guess: peak_signal_noise_ratio(truth, guess, data_range=1), seen, image)
    torch.testing.assert_close(scores["mse"], per_image(mean_squared_error, seen, image))
    torch.testing.assert_close(scores["psnr"], psnr)
    torch.testing.assert_close(scores["ssim"], per_image(skimage_ssim, seen, image), rtol=0, atol=1e-6)


def test_equal_images_score_100_decibels_and_an_ssim_of_one():
    image = textured_pair(dtype=torch.float32)[1]
    scores = reconstruction_scores(image.clone(), image)
    assert scores["mse"].tolist() == [0, 0, 0]
    assert scores["psnr"].tolist() == [100, 100, 100]
    torch.testing.assert_close(scores["ssim"], torch.ones(3))


def test_a_reconstruction_that_is_not_a_number_is_not_given_a_score():
    reconstruction, image = textured_pair()
    reconstruction[1, 0, 12, 12] = np.nan
    for values in reconstruction_scores(reconstruction, image).values():
        assert values.isnan().tolist() == [False, True, False]


def test_scores_of_an_image_do_not_depend_on_its_batch():
    reconstruction, image = textured_pair()
    together = reconstruction_scores(reconstruction, image)
    alone = [reconstruction_scores(reconstruction[i : i + 1], image[i : i + 1]) for i in range(3)]
    for name, values in together.items():
        torch.testing.assert_close(values, torch.cat([scores[name] for scores in alone]))


def test_scores_are_float32_under_autocast():
    reconstruction, image = textured_pair(dtype=torch.float32)
    expected = reconstruction_scores(reconstruction, image)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = reconstruction_scores(reconstruction, image)
    for name, values in scores.items():
        assert values.dtype == torch.float32
        assert torch.equal(values, expected[name])


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_half_precision_reconstructions_are_scored_in_float32(half):
    reconstruction, image = textured_pair(dtype=torch.float32)
    scores = reconstruction_scores(reconstruction.to(half), image)
    expected = reconstruction_scores(reconstruction.to(half).float(), image)
    for name, values in scores.items():
        assert torch.equal(values, expected[name])
