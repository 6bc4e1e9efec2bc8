"""Augmentation moves image and mask together, marks what comes in from outside, and repeats by seed."""

import random
from colorsys import rgb_to_hsv
from dataclasses import replace

import numpy as np
import pytest
import torch

from common.config.groups import AugmentConfig
from common.data.augment import Augment

OFF = AugmentConfig(hflip=0, vflip=0, rotate=0, scale=0, translate=0, jitter=0)
ALL = AugmentConfig(hflip=0.5, vflip=0.5, rotate=30, scale=0.3, translate=0.2, jitter=0.8)
SIDE = 64


@pytest.fixture
def image():
    torch.manual_seed(0)
    return torch.rand(16, 3, SIDE, SIDE)


@pytest.fixture
def mask():
    torch.manual_seed(1)
    return torch.randint(0, 3, (16, SIDE, SIDE))


def augment(config, image, mask=None, *, seed=0):
    torch.manual_seed(seed)
    return Augment(config)(image, mask)


def dot(n=64, *, radius=20.0):
    """Images of one soft dot, `radius` pixels to the right of the centre."""
    at = torch.arange(SIDE) - (SIDE - 1) / 2
    square = (at[None, :] - radius) ** 2 + at[:, None] ** 2
    return torch.exp(-square / 8).expand(n, 3, SIDE, SIDE).clone()


def moments(image):
    """Each image's centre of brightness, in pixels right of and below the middle, and its sum."""
    at = torch.arange(SIDE) - (SIDE - 1) / 2
    light = image.mean(1)
    total = light.sum((1, 2))
    return (light * at).sum((1, 2)) / total, (light * at[:, None]).sum((1, 2)) / total, total


def test_everything_off_returns_the_batch_itself(image, mask):
    same_image, same_mask = augment(OFF, image, mask)
    assert same_image is image
    assert same_mask is mask


def test_image_and_mask_move_together():
    # Noise, so that half a pixel of difference shows: nearest is one of the four pixels that bilinear mixes,
    # and has to agree with the mixture wherever all four are equal.
    torch.manual_seed(0)
    mask = torch.randint(0, 2, (16, SIDE, SIDE))
    image = mask[:, None].float().repeat(1, 3, 1, 1)
    moved, label = augment(replace(ALL, jitter=0), image, mask)
    value = moved[:, 0]
    certain = ((value < 1e-3) | (value > 1 - 1e-3)) & (label != 255)
    assert certain.float().mean() > 0.08
    assert torch.equal(value[certain].round().long(), label[certain])


def test_masks_hold_their_own_values_or_255(image):
    mask = torch.randint(1, 3, (16, SIDE, SIDE))
    _, moved = augment(ALL, image, mask)
    assert moved.dtype == torch.int64
    assert moved.unique().tolist() == [1, 2, 255]


def test_ignored_pixels_stay_ignored(image, mask):
    ignored = torch.full_like(mask, 255)
    assert torch.equal(augment(ALL, image, ignored)[1], ignored)


def test_padding_is_255_and_nothing_else_is(image):
    mask = torch.zeros(16, SIDE, SIDE, dtype=torch.int64)
    _, moved = augment(replace(OFF, translate=0.3), image, mask)
    inside = moved == 0
    assert inside.any((1, 2)).all()
    rows, columns = inside.any(2), inside.any(1)
    assert torch.equal(inside, rows[:, :, None] & columns[:, None, :])
    assert (inside.float().mean((1, 2)) > 0.7**2 - 0.05).all()
    assert (moved == 255).any((1, 2)).all()


def test_image_padding_is_not_black():
    moved, _ = augment(replace(OFF, rotate=45, translate=0.3), torch.full((8, 3, SIDE, SIDE), 0.5))
    assert torch.allclose(moved, torch.full_like(moved, 0.5), atol=1e-5)


@pytest.mark.parametrize(("flag", "axis"), [("hflip", -1), ("vflip", -2)])
def test_a_certain_flip_is_exactly_a_flip(image, mask, flag, axis):
    flipped, moved = augment(replace(OFF, **{flag: 1}), image, mask)
    assert torch.equal(flipped, image.flip(axis))
    assert torch.equal(moved, mask.flip(axis))


@pytest.mark.parametrize(("flag", "axis"), [("hflip", -1), ("vflip", -2)])
def test_a_flip_of_one_in_two_flips_some_images(image, mask, flag, axis):
    _, moved = augment(replace(OFF, **{flag: 0.5}), image, mask)
    flipped = [torch.equal(a, b.flip(axis)) for a, b in zip(moved, mask, strict=True)]
    kept = [torch.equal(a, b) for a, b in zip(moved, mask, strict=True)]
    assert all(a != b for a, b in zip(flipped, kept, strict=True))
    assert any(flipped)
    assert any(kept)


def test_rotate_turns_up_to_its_angle_and_keeps_size_and_place():
    x, y, total = moments(augment(replace(OFF, rotate=20), dot())[0])
    angle = torch.rad2deg(torch.atan2(y, x))
    assert 18 < angle.abs().max() < 20.2
    assert angle.min() < 0 < angle.max()
    assert torch.allclose(torch.hypot(x, y), torch.tensor(20.0), atol=0.1)
    assert torch.allclose(total, moments(dot())[2], rtol=0.01)


def test_scale_changes_size_up_to_its_share_and_keeps_the_angle():
    x, y, total = moments(augment(replace(OFF, scale=0.2), dot())[0])
    factor = x / 20
    assert 0.795 < factor.min() < 0.84
    assert 1.16 < factor.max() < 1.205
    assert y.abs().max() < 0.05
    assert torch.allclose(total / moments(dot())[2], factor**2, rtol=0.03)


def test_translate_shifts_up_to_its_share_and_keeps_the_size():
    x, y, total = moments(augment(replace(OFF, translate=0.1), dot(radius=0))[0])
    for shift in (x, y):
        assert 0.09 * SIDE < shift.abs().max() < 0.1 * SIDE + 0.05
        assert shift.min() < 0 < shift.max()
    assert torch.allclose(total, moments(dot())[2], rtol=0.01)


def test_jitter_recolours_images_and_leaves_masks_and_places_alone(mask):
    torch.manual_seed(0)
    quarters = torch.rand(16, 3, 2, 2)
    image = quarters.repeat_interleave(SIDE // 2, 2).repeat_interleave(SIDE // 2, 3)
    recoloured, same = augment(replace(OFF, jitter=0.5), image, mask)
    assert torch.equal(same, mask)
    seen = recoloured[:, :, :: SIDE // 2, :: SIDE // 2]
    spread = seen.repeat_interleave(SIDE // 2, 2).repeat_interleave(SIDE // 2, 3)
    assert torch.allclose(recoloured, spread, atol=1e-6)
    assert ((seen - quarters).abs().amax((1, 2, 3)) > 0.01).all()


@pytest.mark.parametrize("strength", [0.1, 0.5])
def test_jitter_changes_brightness_and_contrast_up_to_its_strength(strength):
    # Grey has neither hue nor saturation, and contrast keeps its mean.
    grey = torch.full((64, 3, SIDE, SIDE), 0.2)
    grey[..., SIDE // 2 :] = 0.3
    moved, _ = augment(replace(OFF, jitter=strength), grey)
    brightness = moved.mean((1, 2, 3)) / 0.25
    contrast = (moved[:, 0, 0, -1] - moved[:, 0, 0, 0]) / 0.1 / brightness
    for factor in (brightness, contrast):
        assert 1 - strength - 1e-4 < factor.min() < 1 - 0.9 * strength
        assert 1 + 0.9 * strength < factor.max() < 1 + strength + 1e-4


@pytest.mark.parametrize("strength", [0.1, 0.5])
def test_jitter_turns_hue_up_to_a_quarter_of_its_strength(strength):
    # One colour: brightness, contrast and saturation keep its hue, 0.5 of the circle.
    cyan = torch.tensor([0.2, 0.3, 0.3])[:, None, None].expand(64, 3, SIDE, SIDE)
    moved, _ = augment(replace(OFF, jitter=strength), cyan)
    turn = torch.tensor([rgb_to_hsv(*pixel.tolist())[0] for pixel in moved[:, :, 0, 0]]) - 0.5
    assert 0.9 * strength / 4 < turn.abs().max() < strength / 4 + 1e-4


def test_values_stay_float32_between_0_and_1(image):
    extreme, _ = augment(replace(ALL, jitter=1, rotate=180), (image > 0.5).float())
    assert extreme.dtype == torch.float32
    assert extreme.min() >= 0
    assert extreme.max() <= 1


def test_torch_seed_alone_decides_what_happens(image, mask):
    first = augment(ALL, image, mask, seed=3)
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    again, other = augment(ALL, image, mask, seed=3), augment(ALL, image, mask, seed=4)
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])


def test_an_image_is_varied_alike_with_and_without_its_mask(image, mask):
    assert torch.equal(augment(ALL, image)[0], augment(ALL, image, mask)[0])


def test_images_of_a_batch_are_varied_differently(image):
    moved, _ = augment(replace(ALL, jitter=0), image[:1].repeat(4, 1, 1, 1))
    assert all(not torch.equal(moved[0], moved[i]) for i in (1, 2, 3))


def test_the_batch_itself_is_not_changed_and_no_gradients_are_kept(image, mask):
    image.requires_grad_()
    before = image.detach().clone(), mask.clone()
    moved, _ = augment(ALL, image, mask)
    assert not moved.requires_grad
    assert torch.equal(image.detach(), before[0])
    assert torch.equal(mask, before[1])


def test_one_oblong_image_keeps_its_shape():
    moved, label = augment(ALL, torch.rand(1, 3, 32, 48), torch.zeros(1, 32, 48, dtype=torch.int64))
    assert moved.shape == (1, 3, 32, 48)
    assert label.shape == (1, 32, 48)
