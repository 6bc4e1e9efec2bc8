"""The strong view of photographs."""

import torch

from transfer.pool.views import AREA, cut_mix, cut_places, strong, strong_view
from transfer.pool.votes import Lesson


def test_a_rectangle_of_the_image_before_comes_with_what_it_teaches():
    torch.manual_seed(0)
    image = torch.arange(4.0)[:, None, None, None].expand(4, 3, 16, 24).clone()
    lesson = Lesson(image[:, 0].long(), image[:, 0] % 2 == 1)
    places = cut_places(4, 16, 24)
    mixed, taught = cut_mix(places, image, lesson)
    assert places.any()
    assert torch.equal(mixed[:, 0].long(), taught.classes), "pixels and classes move together"
    assert torch.equal(taught.classes % 2 == 1, taught.figure)
    assert torch.equal(mixed, torch.where(places, image.roll(1, 0), image))


def test_half_of_the_images_are_cut_and_the_rectangles_have_the_areas_that_are_told():
    torch.manual_seed(0)
    places = cut_places(2000, 64, 32)
    shares = places.float().mean((1, 2, 3))
    cut = shares[shares > 0]
    assert 0.45 < len(cut) / 2000 < 0.55
    assert AREA[0] * 0.85 < cut.min() < cut.max() < AREA[1] * 1.15


def test_a_strong_view_changes_colours_and_stays_between_0_and_1():
    torch.manual_seed(0)
    for channels in (1, 3, 4):
        image = torch.rand(8, channels, 16, 16)
        view = strong(strong_view(channels), image)
        assert view.shape == image.shape
        assert not torch.equal(view, image)
        assert 0 <= view.min() <= view.max() <= 1
