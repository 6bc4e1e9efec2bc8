"""Vectors of cells as pictures."""

import numpy as np
import torch

from pretrain.pretexts.corrupt import mask
from pretrain.pretexts.registry import MaskSettings
from pretrain.registered import Settings
from pretrain.targets.drawn import DIM, STROKES, dimmed, principal_colours, strokes
from pretrain.targets.hog import HogTarget, hog


def test_a_stroke_lies_along_the_edge():
    image = torch.zeros(1, 3, 16, 16)
    image[..., 4:12] = 1  # upright edges
    drawn = strokes(hog(image)[:, :9].numpy())[0, :STROKES, :STROKES, 0]
    assert drawn.any(1).sum() > 2 * drawn.any(0).sum()
    across = strokes(hog(image.transpose(2, 3))[:, :9].numpy())[0, :STROKES, :STROKES, 0]
    assert across.any(0).sum() > 2 * across.any(1).sum()


def test_equal_vectors_have_equal_colours_and_others_differ():
    asked = np.random.default_rng(0).normal(size=(2, 8, 4, 4))
    first, second = principal_colours(asked, asked)
    np.testing.assert_array_equal(first, second)
    assert first.shape == (2, 4, 4, 3)
    assert first.std() > 0.1
    assert principal_colours(asked[:, :2], asked[:, :2])[0].shape == (2, 4, 4, 3)


def test_what_was_not_hidden_is_dim():
    picture, weight = np.ones((1, 128, 128, 3)), np.ones((1, 8, 8))
    weight[0, 0] = 0
    drawn = dimmed(picture, weight)
    assert (drawn[0, 16:] == 255).all()
    assert (drawn[0, :16] == round(255 * DIM)).all()


def test_a_target_draws_what_it_asked_for_and_what_it_got():
    task, target = mask(torch.rand(2, 3, 64, 64), MaskSettings()), HogTarget(Settings(), 3)
    asked, guessed = target.pictures({"target": target(task.image) - target.mean}, task)
    np.testing.assert_array_equal(asked, guessed)
    assert asked.shape == (2, 128, 128, 3)
