"""Noise and hidden patches: which pixels change, and which enter the loss."""

import pytest
import torch

from pretrain.pretexts.corrupt import denoise, mask
from pretrain.pretexts.registry import DenoiseSettings, MaskSettings
from tests.pretrain.pretexts.photos import photos


def test_noise_has_its_standard_deviation_on_every_value():
    noise = denoise(photos(8), DenoiseSettings(noise_sigma=0.3)).seen - photos(8)
    assert noise.mean().abs() < 0.005
    assert noise.std().item() == pytest.approx(0.3, rel=0.02)
    assert ((noise / 0.3).abs() < 1).float().mean().item() == pytest.approx(0.683, abs=0.01)
    channels = torch.corrcoef(noise.transpose(0, 1).flatten(1))
    assert (channels - torch.eye(3)).abs().max() < 0.03


@pytest.mark.parametrize(("ratio", "patch_size", "hidden"), [(0.6, 8, 38), (0.25, 16, 4), (0.99, 32, 3), (0.01, 32, 1)])
def test_exactly_the_ratio_of_whole_patches_is_hidden_in_every_image(ratio, patch_size, hidden):
    task = mask(photos(), MaskSettings(mask_ratio=ratio, patch_size=patch_size))
    patches = task.visible.unfold(2, patch_size, patch_size).unfold(3, patch_size, patch_size).flatten(4)
    assert torch.equal(patches.amin(-1), patches.amax(-1))
    assert ((1 - patches[..., 0]).sum((1, 2, 3)) == hidden).all()
    assert len({tuple(row) for row in patches[..., 0].flatten(1).tolist()}) > 1


def test_hidden_pixels_are_black_and_count_and_visible_ones_are_the_images_and_do_not():
    image = photos()
    task = mask(image, MaskSettings(hidden_at="input"))
    visible = (task.weight == 0).expand_as(image)
    assert torch.equal(task.seen[visible], image[visible])
    assert (task.seen[~visible] == 0).all()
    assert set(task.weight.unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize(("hidden_at", "everywhere"), [("input", False), ("auto", True), ("every_level", True)])
def test_the_encoder_hides_patches_in_its_maps_where_the_setting_says_so(hidden_at, everywhere):
    task = mask(photos(), MaskSettings(hidden_at=hidden_at))
    assert task.everywhere is everywhere
    assert torch.equal(task.visible, 1 - task.weight)


def test_every_patch_is_hidden_equally_often():
    hidden = mask(torch.rand(2000, 1, 8, 8), MaskSettings(mask_ratio=0.25, patch_size=2)).weight[:, 0, ::2, ::2].mean(0)
    assert (hidden - 0.25).abs().max() < 0.05
