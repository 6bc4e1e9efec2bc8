import numpy as np
import pytest
import torch
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

from common.errors import UserError
from pretrain.losses.ssim import ssim
from pretrain.scoring import reconstruction_scores


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


def test_ssim_equals_scikit_image():
    reconstruction, image = textured_pair()
    expected = per_image(skimage_ssim, reconstruction, image)
    assert expected.max() < 0.9
    torch.testing.assert_close(ssim(reconstruction, image), expected, rtol=0, atol=1e-6)


def test_ssim_in_float32_equals_scikit_image():
    reconstruction, image = textured_pair(dtype=torch.float32)
    expected = per_image(skimage_ssim, reconstruction, image).float()
    torch.testing.assert_close(ssim(reconstruction, image), expected, rtol=0, atol=1e-5)


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


def test_ssim_is_symmetric_and_indifferent_to_flips():
    x, y = textured_pair()
    torch.testing.assert_close(ssim(x, y), ssim(y, x))
    torch.testing.assert_close(ssim(x, y), ssim(x.flip(2, 3), y.flip(2, 3)))


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


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_ssim_of_half_precision_images_is_computed_in_float32(half):
    x, y = (image.to(half) for image in textured_pair(dtype=torch.float32))
    assert torch.equal(ssim(x, y), ssim(x.float(), y.float()))


@pytest.mark.parametrize("size", [(10, 64), (64, 10)])
def test_images_smaller_than_the_ssim_window_are_refused(size):
    with pytest.raises(UserError, match=f"{size[0]} x {size[1]}.*--image_size of at least 11"):
        ssim(torch.rand(1, 3, *size), torch.rand(1, 3, *size))


def test_an_image_as_large_as_the_ssim_window_is_one_window():
    x, y = torch.rand(2, 1, 3, 11, 11, dtype=torch.float64)
    torch.testing.assert_close(ssim(x, y), per_image(skimage_ssim, x, y), rtol=0, atol=1e-6)


@pytest.mark.gpu
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_ssim_on_a_gpu_is_not_rounded_to_tf32(memory_format):
    x, y = textured_pair(noise=0.01, dtype=torch.float32)
    on_gpu = ssim(x.cuda().to(memory_format=memory_format), y.cuda().to(memory_format=memory_format))
    torch.testing.assert_close(on_gpu.cpu(), ssim(x, y), rtol=0, atol=1e-5)
