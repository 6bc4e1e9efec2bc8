"""By how much guesses beat the mean."""

import numpy as np
import torch

from pretrain.compared import Compared, Yardstick
from pretrain.pretexts.task import Task
from pretrain.targets.image import ImageTarget
from pretrain.targets.registry import LossConfig


def better(asked, guessed, weight=None, batches=2):
    yardstick = Yardstick()
    weight = torch.ones_like(asked[:, :1]) if weight is None else weight
    for parts in zip(*(one.chunk(batches) for one in (asked, guessed, weight)), strict=True):
        yardstick.add(Compared(*parts))
    return yardstick.better()


def test_a_perfect_guess_is_1_better_and_the_mean_0():
    asked = torch.rand(6, 5, 4, 4)
    mean = asked.mean((0, 2, 3), keepdim=True).expand_as(asked)
    np.testing.assert_allclose(better(asked, asked).mean(), 1)
    np.testing.assert_allclose(better(asked, mean), 0, atol=1e-6)
    half = (asked + mean) / 2
    np.testing.assert_allclose(better(asked, half).mean(), 0.75, rtol=1e-6)
    assert better(asked, 1 - mean + 3).mean() < 0


def test_cells_without_weight_do_not_count():
    asked, weight = torch.rand(4, 3, 2, 2), torch.ones(4, 1, 2, 2)
    weight[..., 0] = 0
    guessed = asked.clone()
    guessed[..., 0] = 7
    np.testing.assert_allclose(better(asked, guessed, weight).mean(), 1)


def test_where_all_images_ask_for_the_same_there_is_no_yardstick():
    assert np.isnan(better(torch.ones(4, 2, 3, 3), torch.rand(4, 2, 3, 3))).all()


def test_an_image_in_which_nothing_counts_says_nothing_of_the_others():
    asked, weight = torch.rand(4, 3, 2, 2), torch.ones(4, 1, 2, 2)
    weight[2] = 0
    found = better(asked, asked, weight)
    np.testing.assert_array_equal(np.isnan(found), [False, False, True, False])
    np.testing.assert_allclose(np.nanmean(found), 1)


def test_so_it_is_with_pixels_that_are_all_padding_or_visible():
    image, weight, yardstick = torch.rand(3, 3, 16, 16), torch.ones(3, 1, 16, 16), Yardstick()
    weight[1] = 0
    yardstick.add(ImageTarget(LossConfig(), 3).compared({"image": image}, Task(image, image, weight=weight)))
    np.testing.assert_array_equal(np.isnan(yardstick.better()), [False, True, False])
