"""What each corruption of --pretext restore changes, and how often."""

import numpy as np
import pytest
import torch

from pretrain.pretexts import restore
from pretrain.pretexts.registry import RestoreSettings
from tests.pretrain.pretexts.photos import photos

NOTHING = {"inpaint": 0.0, "outpaint": 0.0, "shuffle": 0.0, "intensity": 0.0}


def restored(image, **settings):
    return restore.restore(image, RestoreSettings(**{**NOTHING, **settings})).seen


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
