import numpy as np
import pytest
import torch
from datasets import photo
from skimage.feature import hog as skimage_hog
from torch.nn import functional as F

from pretrain.targets.hog import hog


def photos(count: int, side: int = 64) -> torch.Tensor:
    pictures = np.stack([photo(seed, height=side, width=side) for seed in range(count)])
    noise = np.random.default_rng(0).normal(0, 8, pictures.shape)  # edges in every direction
    return torch.from_numpy((pictures + noise) / 255).permute(0, 3, 1, 2)


@pytest.mark.parametrize(("cell", "orientations"), [(8, 9), (16, 6)])
def test_every_channel_equals_scikit_image(cell, orientations):
    image = photos(2)
    ours = hog(image, cell=cell, orientations=orientations).view(2, 3, orientations, 64 // cell, 64 // cell)
    settings = {"pixels_per_cell": (cell, cell), "cells_per_block": (1, 1), "block_norm": "L2"}
    for n in range(2):
        for c in range(3):
            theirs = skimage_hog(image[n, c].numpy(), orientations, feature_vector=False, **settings)
            np.testing.assert_allclose(ours[n, c].permute(1, 2, 0), theirs[:, :, 0, 0], atol=1e-6)


def test_every_cell_has_length_one_or_is_flat():
    image = photos(1)
    image[:, :, :24, :24] = 0.5
    length = hog(image).view(1, 3, 9, 8, 8).norm(dim=2)
    torch.testing.assert_close(length[:, :, :2, :2], torch.zeros(1, 3, 2, 2).double())
    torch.testing.assert_close(length[:, :, 3:], torch.ones(1, 3, 5, 8).double(), atol=1e-4, rtol=0)


def test_an_edge_votes_for_its_own_direction():
    ramp = torch.linspace(0, 1, 32).expand(1, 1, 32, 32)
    for picture, direction in ((ramp, 0), (ramp.transpose(2, 3), 4), (ramp + ramp.transpose(2, 3), 2)):
        inside = hog(picture)[0, :, 1:3, 1:3]
        assert (inside.argmax(0) == direction).all()
        torch.testing.assert_close(inside[direction], torch.ones(2, 2), atol=1e-4, rtol=0)


def test_brightness_and_contrast_do_not_matter():
    image = photos(1)
    torch.testing.assert_close(hog(0.5 * image + 0.2), hog(image), atol=1e-4, rtol=0)


def test_no_gradient_is_kept():
    assert not hog(photos(1).requires_grad_()).requires_grad


def by_means(image: torch.Tensor, cell: int, orientations: int) -> torch.Tensor:
    right, down = torch.zeros_like(image), torch.zeros_like(image)
    right[..., 1:-1] = image[..., 2:] - image[..., :-2]
    down[..., 1:-1, :] = image[..., 2:, :] - image[..., :-2, :]
    angle = torch.atan2(down, right).rad2deg().remainder(180)
    bins = (angle * (orientations / 180)).long().clamp(max=orientations - 1)
    votes = [F.avg_pool2d(torch.hypot(right, down) * (bins == index), cell) for index in range(orientations)]
    histogram = torch.stack(votes, dim=2)
    return (histogram / (histogram.square().sum(2, keepdim=True) + 1e-10).sqrt()).flatten(1, 2)


STEPS = torch.linspace(0, 1, 48).expand(2, 3, 48, 48)
PICTURES = {
    "random": torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(0)),
    "bytes": torch.randint(0, 4, (2, 3, 48, 48), generator=torch.Generator().manual_seed(0)) / 255,  # many on borders
    "constant": torch.full((2, 3, 48, 48), 0.3),
    "across": STEPS,
    "down": 1 - STEPS.mT,
    "diagonal": STEPS - STEPS.mT,
}


@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize(("cell", "orientations"), [(8, 9), (16, 6), (10, 4)])
def test_it_is_the_mean_of_the_votes_for_every_direction(picture, cell, orientations):
    image = PICTURES[picture]
    ours, wanted = hog(image, cell=cell, orientations=orientations), by_means(image, cell, orientations)
    torch.testing.assert_close(ours, wanted, rtol=0, atol=2e-6)
