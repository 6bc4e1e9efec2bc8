"""What each pretext promises: which pixels change, which enter the loss, and that the seed decides it all."""

import numpy as np
import pytest
import torch
from datasets import photo

from common.config.groups import UNetConfig
from common.engine.seeding import seed_update
from common.errors import UserError
from pretrain.config import PretextConfig, PretrainConfig
from pretrain.pretexts import restore
from pretrain.pretexts.corrupt import denoise, mask
from pretrain.pretexts.pretext import make_task


def photos(count: int = 4, height: int = 64, width: int = 64) -> torch.Tensor:
    pictures = np.stack([photo(seed, height=height, width=width) for seed in range(count)])
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255


SETTINGS = {
    "denoise": PretextConfig(pretext="denoise"),
    "mask": PretextConfig(pretext="mask"),
    "restore": PretextConfig(pretext="restore"),
    "drop": PretextConfig(pretext="plain", skips="drop"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_an_update_decides_its_task_alone(name):
    image = photos(16)
    tasks = []
    for batch in (5, 6, 5):
        seed_update(0, batch)
        tasks.append(make_task(image, SETTINGS[name]))
    first, other, again = ([task.seen, task.weight, task.visible, task.keep] for task in tasks)
    for ours, theirs in zip(first, again, strict=True):
        assert ours is theirs is None or torch.equal(ours, theirs)
    assert any(ours is not None and not torch.equal(ours, theirs) for ours, theirs in zip(first, other, strict=True))


@pytest.mark.parametrize("name", SETTINGS)
def test_the_target_is_the_clean_image_and_the_clean_image_stays_clean(name):
    image = photos()
    before = image.clone()
    task = make_task(image, SETTINGS[name])
    assert torch.equal(task.target, before)
    assert torch.equal(image, before)
    assert torch.equal(task.seen, before) == (name == "drop")


def test_plain_shows_the_image_as_it_is_and_draws_no_number():
    image, state = photos(), torch.get_rng_state()
    task = make_task(image, PretextConfig(pretext="plain"))
    assert task.seen is task.target is image
    assert task.weight is task.visible is task.keep is None
    assert torch.equal(torch.get_rng_state(), state)


def test_noise_has_the_sigma_that_was_asked_for_on_every_value():
    noise = denoise(photos(8), sigma=0.3).seen - photos(8)
    assert noise.mean().abs() < 0.005
    assert noise.std().item() == pytest.approx(0.3, rel=0.02)
    assert ((noise / 0.3).abs() < 1).float().mean().item() == pytest.approx(0.683, abs=0.01)
    channels = torch.corrcoef(noise.transpose(0, 1).flatten(1))
    assert (channels - torch.eye(3)).abs().max() < 0.03


@pytest.mark.parametrize(("ratio", "patch_size", "hidden"), [(0.6, 8, 38), (0.25, 16, 4), (0.99, 32, 3), (0.01, 32, 1)])
def test_exactly_the_ratio_of_whole_patches_is_hidden_in_every_image(ratio, patch_size, hidden):
    task = mask(photos(), ratio=ratio, patch_size=patch_size, every_level=True)
    patches = task.visible.unfold(2, patch_size, patch_size).unfold(3, patch_size, patch_size).flatten(4)
    assert torch.equal(patches.amin(-1), patches.amax(-1))
    assert ((1 - patches[..., 0]).sum((1, 2, 3)) == hidden).all()
    assert len({tuple(row) for row in patches[..., 0].flatten(1).tolist()}) > 1


def test_hidden_pixels_are_black_and_count_and_visible_ones_are_the_images_and_do_not():
    image = photos()
    task = mask(image, ratio=0.6, patch_size=8, every_level=False)
    visible = (task.weight == 0).expand_as(image)
    assert torch.equal(task.seen[visible], image[visible])
    assert (task.seen[~visible] == 0).all()
    assert set(task.weight.unique().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize(("hidden_at", "wanted"), [("input", False), ("every_level", True)])
def test_the_encoder_hides_patches_in_its_maps_where_that_is_asked_for(hidden_at, wanted):
    task = make_task(photos(), PretextConfig(pretext="mask", hidden_at=hidden_at))
    assert (task.visible is not None) is wanted
    assert task.visible is None or torch.equal(task.visible, 1 - task.weight)


def test_every_patch_is_hidden_equally_often():
    hidden = mask(torch.rand(2000, 1, 8, 8), ratio=0.25, patch_size=2, every_level=False).weight[:, 0, ::2, ::2].mean(0)
    assert (hidden - 0.25).abs().max() < 0.05


def test_skips_are_dropped_for_whole_samples_with_their_probability():
    image = torch.rand(2000, 1, 2, 2)
    keep = make_task(image, PretextConfig(pretext="plain", skips="drop")).keep
    assert set(keep.tolist()) == {0.0, 1.0}
    assert keep.mean().item() == pytest.approx(0.5, abs=0.04)


NOTHING = {"inpaint": 0.0, "outpaint": 0.0, "shuffle": 0.0, "intensity": 0.0}


def restored(image, **settings):
    return make_task(image, PretextConfig(pretext="restore", **{**NOTHING, **settings})).seen


def test_restore_with_all_probabilities_0_changes_nothing():
    assert torch.equal(restored(photos()), photos())


@pytest.mark.parametrize("name", NOTHING)
def test_each_transformation_comes_with_its_own_probability(name):
    image = photos(1, 32, 32).expand(400, -1, -1, -1)
    changed = (restored(image, **{name: 0.4}) != image).flatten(1).any(1).float().mean().item()
    never = 0.4 * (1 - restore.ANOTHER) if name == "inpaint" else 0.0  # in-painting may draw no box
    assert changed == pytest.approx(0.4 - never, abs=0.08)


def test_in_and_out_painting_never_meet():
    image = photos(1).expand(300, -1, -1, -1)
    share = (restored(image, inpaint=0.5, outpaint=0.5) != image).any(1).float().mean((1, 2))
    corner = (restored(image, inpaint=0.5, outpaint=0.5)[:, :, :3] != image[:, :, :3]).any(1)
    assert share.max() <= 1 - (28 / 64) ** 2  # the smallest single box that out-painting leaves
    outside = corner.flatten(1).all(1)
    assert torch.equal(outside, corner.flatten(1).any(1))
    assert outside.float().mean().item() == pytest.approx(0.5, abs=0.1)


def test_shuffling_moves_whole_pixels_and_not_far():
    place = torch.stack(torch.meshgrid(torch.arange(64.0), torch.arange(96.0), indexing="ij")).expand(8, -1, -1, -1)
    moved = restore.shuffle_pixels(place)
    number = moved[:, 0] * 96 + moved[:, 1]
    assert torch.equal(number.flatten(1).sort().values, torch.arange(64.0 * 96).expand(8, -1))
    farthest = (moved - place).abs().amax((1, 2, 3))
    assert farthest.max() < 64 // 10
    assert (farthest >= 1).all()
    assert len(set(farthest.tolist())) > 1
    assert ((moved != place).any(1).float().mean((1, 2)) > 0.5).all()


def test_shuffling_reaches_every_order_of_a_window_equally_often():
    torch.manual_seed(0)
    picture = torch.arange(4.0).view(1, 1, 2, 2).expand(12000, -1, -1, -1)
    orders, counts = restore.shuffle_pixels(picture).flatten(1).unique(dim=0, return_counts=True)
    found = {tuple(order): count for order, count in zip(orders.int().tolist(), counts.tolist(), strict=True)}
    assert len(found) == 24
    narrow = {(1, 0, 3, 2), (2, 3, 0, 1)}  # windows of one row or one column make these too
    whole = [count for order, count in found.items() if order not in narrow and all(map(int.__ne__, order, range(4)))]
    assert len(whole) == 7
    assert whole == pytest.approx([12000 / 4 / 24] * 7, rel=0.3)


def test_a_curve_of_intensities_keeps_or_reverses_the_order_of_all_values():
    image = photos(64)
    bent = restore.bend_intensities(image)
    assert 0 <= bent.min() <= bent.max() <= 1
    directions = []
    for before, after in zip(image.flatten(1), bent.flatten(1), strict=True):
        steps = after[before.argsort()].diff()
        assert (steps >= -1e-6).all() or (steps <= 1e-6).all()
        directions.append((steps > 0).any().item())
    assert 0.3 < np.mean(directions) < 0.7
    assert (bent - image).abs().amax((1, 2, 3)).min() > 0.01


def test_a_curve_goes_through_the_corners():
    ends = torch.tensor([0.0, 1.0]).view(1, 1, 1, 2).expand(20, -1, -1, -1)
    assert {tuple(row) for row in restore.bend_intensities(ends).flatten(1).round(decimals=6).tolist()} == {
        (0, 1),
        (1, 0),
    }


def test_curves_are_read_as_numpy_reads_them():
    x, y = torch.rand(2, 3, 50).double().sort().values
    at = torch.cat([torch.rand(3, 200).double() * 1.4 - 0.2, x[:, :7]], dim=1)
    expected = np.stack([np.interp(at[i], x[i], y[i]) for i in range(3)])
    np.testing.assert_allclose(restore.interpolate(at, x, y), expected, atol=1e-12)


def test_in_painting_hides_boxes_away_from_the_border_under_uniform_noise():
    image = torch.full((200, 3, 60, 60), 2.0)
    boxes = restore.inner_boxes(image)
    seen = restored(image, inpaint=1.0)
    painted = seen != 2
    assert not boxes[:, :, :3].any()
    assert not boxes[..., -3:].any()
    assert torch.equal(painted.all(1), painted.any(1))
    noise = seen[painted]
    assert noise.mean().item() == pytest.approx(0.5, abs=0.01)
    assert noise.var().item() == pytest.approx(1 / 12, rel=0.02)
    shares = boxes.float().mean((1, 2, 3))
    assert shares.max() <= restore.BOXES / 9
    assert 0.1 < shares.mean() < 0.3


def test_out_painting_leaves_one_to_five_boxes():
    image = torch.full((200, 3, 70, 70), 2.0)
    kept = (restored(image, outpaint=1.0) == 2).all(1)
    assert (kept.float().mean((1, 2)) >= (30 / 70) ** 2).all()
    assert kept[:, 3:-3, 3:-3].any(2).any(1).all()
    assert not kept[:, :3].any()
    assert not kept[..., :3].any()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"pretext": "mask", "patch_size": 7}, "--patch_size 7 does not divide --image_size 64.*--patch_size 8"),
        ({"pretext": "mask", "patch_size": 64}, "--patch_size 32"),
        ({"inpaint": 0.6, "outpaint": 0.5}, "at most 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, said):
    with pytest.raises(UserError, match=said):
        PretextConfig(**settings).check(64)


def test_a_decoder_that_has_nothing_to_do_is_refused():
    config = PretrainConfig(
        model=UNetConfig(widths=(8, 8), dropout=(0.0, 0.0)), pretext=PretextConfig(decoder_stride=2)
    )
    with pytest.raises(UserError, match=r"--decoder_stride 2 .* has stride 2, and it must stop below"):
        config.check()


def test_patches_matter_only_where_something_is_masked():
    PretextConfig(pretext="plain", patch_size=7).check(64)
    PretrainConfig().check()
