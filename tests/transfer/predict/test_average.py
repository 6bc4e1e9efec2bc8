"""Averages of networks and views, and how much these disagree."""

import numpy as np
import pytest
import torch
from scipy.stats import entropy

from transfer.predict.average import VIEWS, averaged


def random_chances(seed: int, classes: int = 3) -> torch.Tensor:
    return torch.randn(2, classes, 5, 4, generator=torch.Generator().manual_seed(seed)).mul(2).softmax(1)


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_the_mean_and_the_mutual_information_are_those_of_scipy(classes):
    members = [random_chances(seed, classes) for seed in range(4)]
    maps = averaged(members)
    mean = np.mean([member.numpy() for member in members], axis=0)
    assert maps[:, :-1].softmax(1).numpy() == pytest.approx(mean, abs=1e-6)
    of_each = np.mean([entropy(member.numpy(), axis=1) for member in members], axis=0)
    expected = (entropy(mean, axis=1) - of_each) / np.log(classes)
    assert maps[:, -1].numpy() == pytest.approx(expected, abs=1e-6)


def test_networks_that_agree_are_certain_however_unsure_of_the_class_they_are():
    flat = torch.full((1, 3, 2, 2), 1 / 3)
    assert averaged([flat, flat])[:, -1].numpy() == pytest.approx(0, abs=1e-6)


def test_networks_that_are_sure_of_different_classes_are_as_uncertain_as_can_be():
    sure = torch.eye(2)[:, :, None, None]
    assert averaged([sure[:1], sure[1:]])[:, -1].numpy() == pytest.approx(1)
    assert torch.isfinite(averaged([sure, sure])).all()


def test_views_are_undone_by_mirroring_again():
    image = torch.arange(24.0).reshape(1, 1, 4, 6)
    for views in VIEWS.values():
        seen = [image.flip(view) for view in views]
        assert len({tuple(view.flatten().tolist()) for view in seen}) == len(views)
        assert all(torch.equal(view.flip(sides), image) for view, sides in zip(seen, views, strict=True))
