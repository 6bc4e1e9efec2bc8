"""SSIM, against scikit-image."""

import pytest
import torch

from common.errors import UserError
from pretrain.losses.ssim import ssim
from tests.pretrain.image_pairs import per_image, skimage_ssim, textured_pair


def test_ssim_equals_scikit_image():
    reconstruction, image = textured_pair()
    expected = per_image(skimage_ssim, reconstruction, image)
    assert expected.max() < 0.9
    torch.testing.assert_close(ssim(reconstruction, image), expected, rtol=0, atol=1e-6)


def test_ssim_in_float32_equals_scikit_image():
    reconstruction, image = textured_pair(dtype=torch.float32)
    expected = per_image(skimage_ssim, reconstruction, image).float()
    torch.testing.assert_close(ssim(reconstruction, image), expected, rtol=0, atol=1e-5)


def test_ssim_is_symmetric_and_indifferent_to_flips():
    x, y = textured_pair()
    torch.testing.assert_close(ssim(x, y), ssim(y, x))
    torch.testing.assert_close(ssim(x, y), ssim(x.flip(2, 3), y.flip(2, 3)))


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
