"""Telling photographs apart: the formula, what a vector describes, and what it teaches."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from common.config.load import load_config
from common.data.classes import IGNORE
from common.errors import UserError
from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from pretrain.build import task_record
from pretrain.config import PretextConfig, PretrainConfig
from pretrain.heads import LENGTH, Projection
from pretrain.losses.contrastive import contrast_error
from pretrain.losses.objective import Objective
from pretrain.model import Autoencoder
from pretrain.pretexts.pretext import make_task, pretext_words
from tests import oracles
from tests.tiny import TINY

ALONE = ["--pretext", "plain", "--mse_weight", "0", "--ssim_weight", "0", "--contrast_weight", "1", "--jitter", "0.4"]


def vectors(count, seed=0):
    numbers = torch.randn(count, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return F.normalize(numbers, dim=1)


@pytest.mark.parametrize(("count", "temperature"), [(1, 0.2), (2, 1.0), (7, 0.2), (7, 0.05)])
def test_the_error_is_that_of_the_slow_loops(count, temperature):
    first, second = vectors(count), vectors(count, seed=1)
    found = contrast_error(first, second, temperature=temperature)
    assert found.item() == pytest.approx(oracles.nt_xent(first, second, temperature), abs=1e-12)


def test_the_error_has_the_gradient_of_its_formula():
    first, second = vectors(3).requires_grad_(), vectors(3, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(contrast_error, (first, second))


def test_neither_the_order_of_the_views_nor_that_of_the_pictures_matters():
    first, second, order = vectors(6), vectors(6, seed=1), torch.randperm(6)
    expected = contrast_error(first, second)
    torch.testing.assert_close(contrast_error(second, first), expected)
    torch.testing.assert_close(contrast_error(first[order], second[order]), expected)


def test_equal_views_are_best_and_who_knows_nothing_has_the_error_of_a_guess():
    apart = torch.eye(8)
    assert contrast_error(apart, apart) < contrast_error(apart, apart.roll(1, 0))
    alike = torch.ones(8, 4) / 2
    assert contrast_error(alike, alike).item() == pytest.approx(math.log(15))


def projection():
    torch.manual_seed(0)
    return Projection((4, 6, 8)).double().eval()


def maps(count=2):
    generator = torch.Generator().manual_seed(2)
    sizes = ((4, 16), (6, 8), (8, 4))
    return [torch.randn(count, c, side, side, dtype=torch.float64, generator=generator) for c, side in sizes]


def test_a_vector_describes_what_stands_out():
    head, features = projection(), maps()
    figure = torch.zeros(2, 32, 32, dtype=torch.int64)
    figure[:, 8:24, 8:16] = 1  # whole cells of both maps
    figure[:, :, 24:] = IGNORE
    inside = [features[1][:, :, 2:6, 2:4], features[2][:, :, 1:3, 1:2]]
    pooled = torch.cat([cells.mean((2, 3)) for cells in inside], dim=1)
    torch.testing.assert_close(head(features, figure), F.normalize(head.layers(pooled), dim=1), atol=1e-2, rtol=0)
    ground = [one.clone() for one in features]
    ground[1][:, :, 0] += 1
    torch.testing.assert_close(head(ground, figure), head(features, figure), atol=1e-2, rtol=0)
    assert (head(ground) - head(features)).abs().max() > 0.02


def test_where_nothing_stands_out_all_cells_weigh_alike():
    head, features = projection(), maps()
    nothing = torch.zeros(2, 32, 32, dtype=torch.int64)
    torch.testing.assert_close(head(features, nothing), head(features))
    assert head(features).shape == (2, LENGTH)
    torch.testing.assert_close(head(features).norm(dim=1), torch.ones(2, dtype=torch.float64))


def network():
    torch.manual_seed(0)
    encoder = UNetEncoder(widths=(4,) * 6, dropout=(0.0,) * 6)
    decoder = UNetDecoder(encoder.channels, encoder.strides, widths=(4,) * 5, dropout=(0.0,) * 5)
    return Autoencoder(encoder, decoder, contrast=True)


def test_it_teaches_the_encoder_by_both_views_and_leaves_the_decoder_alone():
    net, image, other = network(), torch.rand(4, 3, 64, 64), torch.rand(4, 3, 64, 64, requires_grad=True)
    task = make_task(image, PretextConfig(pretext="plain"), other=(other, None))
    terms = Objective(None, contrast_weight=0.5)(net, task)
    assert terms["loss"].item() == pytest.approx(0.5 * terms["contrast"].item())
    terms["loss"].backward()
    assert net.encoder.stages[0][0].weight.grad.abs().sum() > 0
    assert other.grad is not None
    assert other.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in net.decoder.parameters())


def test_an_embedding_alone_is_that_of_all_heads():
    net, image = network().eval(), torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(net(image, heads="embedding"), net(image, heads=True).embedding)
    again = Autoencoder.from_architecture(net.architecture())
    assert isinstance(again.projection, nn.Module)


def test_views_that_hardly_differ_are_refused():
    words = [word for word in ALONE if word not in ("--jitter", "0.4")]
    with pytest.raises(UserError, match="--jitter"):
        load_config(PretrainConfig, words, prog="").check()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (ALONE, "telling photographs apart"),
        ([*ALONE, "--saliency_weight", "1"], "telling what stands out, and telling photographs apart"),
        (
            ["--contrast_weight", "1", "--jitter", "0.4"],
            "filling in hidden patches, as gradient histograms, and telling photographs apart",
        ),
    ],
)
def test_the_record_and_the_page_say_that_it_was_asked(flags, words):
    task = task_record(load_config(PretrainConfig, [*TINY, *flags], prog=""))
    assert pretext_words(task) == words
    assert task.uses_labels is task.uses_imagenet_labels is False
