"""Learning the foreground from pseudo-masks."""

import pytest
import torch
from torch import nn

from common.data.classes import IGNORE
from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from pretrain.losses.objective import Objective
from pretrain.losses.pseudo_mask import PseudoMask, pseudo_mask_error
from pretrain.model import Autoencoder, TrainingForward
from pretrain.pretexts.task import TaskMaker
from pretrain.registered import Settings
from pretrain.scoring import foreground_probability


def test_the_error_is_the_cross_entropy_over_pixels_that_are_not_ignored():
    logits, foreground = torch.randn(2, 1, 4, 4), torch.randint(0, 2, (2, 4, 4))
    expected = nn.BCEWithLogitsLoss()(logits[:, 0, :3], foreground[:, :3].float())
    foreground[:, 3:] = IGNORE
    torch.testing.assert_close(pseudo_mask_error(logits, foreground), expected)
    assert pseudo_mask_error(logits, torch.full((2, 4, 4), IGNORE)) == 0


def network(side=("pseudo_mask",)):
    torch.manual_seed(0)
    encoder = UNetEncoder(widths=(4,) * 6, dropout=(0.0,) * 6)
    decoder = UNetDecoder(encoder.channels, encoder.strides, widths=(4,) * 5, dropout=(0.0,) * 5)
    return Autoencoder(encoder, decoder, side=side)


def test_alone_it_trains_all_but_the_image_head():
    net, image = network(), torch.rand(2, 3, 64, 64)
    task = TaskMaker("plain", Settings())(image, torch.randint(0, 2, (2, 64, 64)))
    terms = Objective(None, [PseudoMask(2.0)])(TrainingForward(net), task)
    assert terms["loss"].item() == pytest.approx(2 * terms["pseudo_mask"].item())
    terms["loss"].backward()
    with_head = net.encoder.stages[0][0].weight.grad.clone()
    assert net.heads["image"].layers.weight.grad is None
    net.zero_grad()
    (2 * pseudo_mask_error(net.decode(net.encode(image))["pseudo_mask"], task.foreground)).backward()
    torch.testing.assert_close(net.encoder.stages[0][0].weight.grad, with_head)


def test_a_network_without_a_head_predicts_no_foreground():
    image = torch.rand(2, 3, 64, 64)
    probability = foreground_probability(network().eval(), image)
    assert probability is not None
    assert probability.shape == (2, 64, 64)
    assert 0 < probability.min() < probability.max() < 1
    assert foreground_probability(network(side=()).eval(), image) is None
