"""Contrastive learning: the formula, and what it trains."""

import math

import pytest
import torch
from torch.nn import functional as F

from common.config.load import load_config
from common.errors import UserError
from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from pretrain.config import PretrainConfig
from pretrain.losses.contrastive import Contrast, contrast_error
from pretrain.losses.objective import Objective
from pretrain.model import Autoencoder, TrainingForward
from pretrain.pretexts.task import TaskMaker
from pretrain.registered import Settings
from tests import oracles

ALONE = ["--pretext", "plain", "--mse_weight", "0", "--ssim_weight", "0", "--contrast_weight", "1", "--jitter", "0.4"]


def vectors(count, seed=0):
    numbers = torch.randn(count, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return F.normalize(numbers, dim=1)


@pytest.mark.parametrize(("count", "temperature"), [(1, 0.2), (2, 1.0), (7, 0.2), (7, 0.05)])
def test_the_error_is_that_of_the_slow_loops(count, temperature):
    first, second = vectors(count), vectors(count, seed=1)
    error = contrast_error(first, second, temperature=temperature)
    assert error.item() == pytest.approx(oracles.nt_xent(first, second, temperature), abs=1e-12)


def test_the_error_has_the_gradient_of_its_formula():
    first, second = vectors(3).requires_grad_(), vectors(3, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(contrast_error, (first, second))


def test_neither_the_order_of_the_views_nor_that_of_the_pictures_matters():
    first, second, order = vectors(6), vectors(6, seed=1), torch.randperm(6)
    expected = contrast_error(first, second)
    torch.testing.assert_close(contrast_error(second, first), expected)
    torch.testing.assert_close(contrast_error(first[order], second[order]), expected)


def test_equal_views_are_best_and_equal_vectors_are_at_chance_level():
    apart = torch.eye(8)
    assert contrast_error(apart, apart) < contrast_error(apart, apart.roll(1, 0))
    alike = torch.ones(8, 4) / 2
    assert contrast_error(alike, alike).item() == pytest.approx(math.log(15))


def network():
    torch.manual_seed(0)
    encoder = UNetEncoder(widths=(4,) * 6, dropout=(0.0,) * 6)
    decoder = UNetDecoder(encoder.channels, encoder.strides, widths=(4,) * 5, dropout=(0.0,) * 5)
    return Autoencoder(encoder, decoder, side=["contrast"])


def test_both_views_train_the_encoder_and_the_decoder_stays():
    net, image, other = network(), torch.rand(4, 3, 64, 64), torch.rand(4, 3, 64, 64, requires_grad=True)
    task = TaskMaker("plain", Settings())(image, other=(other, None))
    terms = Objective(None, [Contrast(0.5)])(TrainingForward(net), task)
    assert terms["loss"].item() == pytest.approx(0.5 * terms["contrast"].item())
    terms["loss"].backward()
    assert net.encoder.stages[0][0].weight.grad.abs().sum() > 0
    assert other.grad is not None
    assert other.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in net.decoder.parameters())


def test_views_that_hardly_differ_are_refused():
    words = [word for word in ALONE if word not in ("--jitter", "0.4")]
    with pytest.raises(UserError, match="--jitter"):
        load_config(PretrainConfig, words, prog="").check()
