"""Targets of cells: features of a trained network, and the error."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torchvision.models import mobilenet_v2

from common.config.load import load_config
from pretrain.build import build_model, build_target
from pretrain.config import PretrainConfig
from pretrain.registered import Settings
from pretrain.targets.features import FeatureTarget
from pretrain.targets.hog import HogTarget
from pretrain.targets.registry import LossConfig
from tests.tiny import TINY

RANDOM = LossConfig(perceptual_init="random")


def features(network, folder):
    torch.save(network.state_dict(), folder / "own.pth")
    return FeatureTarget(LossConfig(perceptual_init="own", perceptual_weights_path=folder / "own.pth"), 3)


def image(count=2, side=64):
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(3))


@pytest.fixture(scope="module")
def theirs():
    torch.manual_seed(0)
    return mobilenet_v2(weights=None).eval()


@torch.no_grad()
def test_features_are_torchvisions_late_maps_of_the_doubled_picture_standardised_by_hand(theirs, tmp_path):
    vectors = features(theirs, tmp_path)(image()).numpy()
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    x = (F.interpolate(image(), (128, 128), mode="bilinear") - mean) / std
    maps = [theirs.features[:14](x).numpy(), theirs.features[:18](x).numpy()]
    assert [m.shape for m in maps] == [(2, 96, 8, 8), (2, 320, 4, 4)]
    fine, coarse = maps[0], maps[1].repeat(2, axis=2).repeat(2, axis=3)
    expected = []
    for n, row, column in np.ndindex(2, 8, 8):
        parts = []
        for vector in (fine[n, :, row, column], coarse[n, :, row, column]):
            parts.append((vector - vector.mean()) / vector.std() * (416 / 2 / len(vector)) ** 0.5)
        expected.append(np.concatenate(parts))
    expected = np.stack(expected).reshape(2, 8, 8, 416).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(vectors, expected, atol=2e-3)


def test_features_have_variance_1_and_both_maps_weigh_alike():
    torch.manual_seed(0)
    target = FeatureTarget(RANDOM, 3)
    vectors = target(image())
    assert vectors.shape == (2, target.channels, 8, 8)
    assert not vectors.requires_grad
    first, second = vectors.split(target.lengths, dim=1)
    assert first.square().sum(1).mean().item() == pytest.approx(target.channels / 2, rel=1e-3)
    assert second.square().sum(1).mean().item() == pytest.approx(target.channels / 2, rel=1e-3)
    zeros = torch.zeros_like(vectors)
    assert target.error(zeros, vectors, None).item() == pytest.approx(1, rel=1e-3)
    assert target.error(vectors, vectors, None).item() == 0


@pytest.mark.parametrize(
    ("flags", "said"), [((), True), (("--decoder_stride", "8"), False), (("--target", "hog"), False)]
)
def test_a_decoder_too_narrow_for_its_target_is_noted(flags, said, capsys):
    words = ["--pretext", "plain", "--target", "features", "--perceptual_init", "random", *flags]
    config = load_config(PretrainConfig, [*TINY, *words], prog="")
    build_model(config, build_target(config))
    assert ("416 numbers a cell" in capsys.readouterr().err) == said


def test_a_feature_network_never_learns_and_stays_in_evaluation_mode():
    target = FeatureTarget(RANDOM, 3).train()
    assert not target.teacher.network.training
    assert not any(parameter.requires_grad for parameter in target.parameters())


def test_the_error_is_that_of_the_cells_that_count():
    target, guess = HogTarget(Settings(), 3), torch.rand(2, 27, 8, 8)
    weight = torch.zeros(2, 1, 64, 64)
    weight[0, :, :8, 8:16] = 1
    expected = (target.mean + guess - target(image()))[0, :, 0, 1].square().mean() / target.variance
    assert target.error(guess, target(image()), weight).item() == pytest.approx(expected.item(), rel=1e-5)
