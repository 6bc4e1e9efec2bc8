"""Probabilities that have in mean the shares of the masks."""

import torch

from transfer.pool.alignment import Alignment

PIXELS = torch.tensor([70.0, 20.0, 10.0])


def chances(count=8, seed=0):
    random = torch.Generator().manual_seed(seed)
    return (torch.randn(count, 3, 16, 16, generator=random) + torch.tensor([0.0, 1.0, 0.0])[:, None, None]).softmax(1)


def settled(align):
    for number in range(200):
        align(chances(seed=number))
    return align(chances(seed=1000))


def test_a_class_that_a_teacher_sees_too_often_is_taught_as_often_as_masks_show_it():
    before = chances(seed=1000).argmax(1).flatten().bincount(minlength=3) / 2048
    align = Alignment(PIXELS, None)
    after = settled(align).argmax(1).flatten().bincount(minlength=3) / 2048
    wanted = PIXELS / PIXELS.sum()
    assert (after - wanted).abs().max() < 0.2 < (before - wanted).abs().max()
    assert abs(after[1] - 0.2) < abs(before[1] - 0.2)


def test_with_a_background_the_foreground_is_shifted_and_its_classes_keep_their_proportions():
    align = Alignment(PIXELS, 0)
    before, after = chances(seed=1000), settled(align)
    assert after[:, 0].mean() > before[:, 0].mean()
    torch.testing.assert_close(after[:, 1] / after[:, 2], before[:, 1] / before[:, 2], rtol=1e-4, atol=0)
    torch.testing.assert_close(after.sum(1), torch.ones(8, 16, 16))


def test_a_teacher_that_sees_what_masks_show_is_left_alone():
    even = torch.full((4, 3, 8, 8), 1 / 3)
    torch.testing.assert_close(Alignment(torch.ones(3), None)(even), even)


def test_means_go_on_where_they_stopped():
    first, second = Alignment(PIXELS, 0), Alignment(PIXELS, 0)
    first(chances())
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(chances(seed=1)), second(chances(seed=1)))
    assert not torch.equal(first(chances(seed=1)), Alignment(PIXELS, 0)(chances(seed=1)))
