"""What an update minimises, for both targets."""

import pytest
import torch
from torch import nn

from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from pretrain.losses.objective import CellTerms, ImageTerms, Objective
from pretrain.losses.reconstruction import ReconstructionLoss
from pretrain.model import Autoencoder
from pretrain.pretexts.corrupt import mask
from pretrain.pretexts.task import Task
from pretrain.targets.hog import HogTarget, hog


def network(target_channels: int = 0) -> Autoencoder:
    torch.manual_seed(0)
    encoder = UNetEncoder(widths=(4,) * 6, dropout=(0.0,) * 6)
    decoder = UNetDecoder(encoder.channels, encoder.strides, widths=(4,) * 5, dropout=(0.0,) * 5)
    return Autoencoder(encoder, decoder, target_channels=target_channels).double()


def hidden(count: int = 2) -> Task:
    image = torch.rand(count, 3, 64, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return mask(image, ratio=0.5, patch_size=8, every_level=True)


class Distance(nn.Module):
    def forward(self, reconstruction, image):
        return (reconstruction - image).abs().mean()


def test_the_image_objective_is_the_loss_of_what_the_network_makes_of_what_it_sees():
    task, net = hidden(), network()
    loss = ReconstructionLoss(1.0, 0.0, ssim_weight=0.1)
    terms = Objective(ImageTerms(loss))(net, task)
    expected = loss(net(task.seen, visible=task.visible), task.target, task.weight)
    assert terms.keys() == expected.keys()
    assert all(torch.equal(terms[name], expected[name]) for name in terms)


def test_only_hidden_pixels_enter_the_squared_error():
    task = hidden()
    reconstruction = torch.rand_like(task.target)
    loss = ReconstructionLoss(1.0, 0.0, ssim_weight=0.0)
    found = loss(reconstruction, task.target, task.weight)["mse"]
    chosen = task.weight.expand_as(reconstruction) == 1
    assert found.item() == pytest.approx((reconstruction - task.target)[chosen].square().mean().item())


def test_what_is_visible_changes_no_term():
    task = hidden()
    reconstruction = torch.rand_like(task.target)
    other = reconstruction + 0.3 * (1 - task.weight)
    loss = ReconstructionLoss(1.0, 0.5, ssim_weight=0.1, perceptual=Distance())
    ours, theirs = (loss(guess, task.target, task.weight) for guess in (reconstruction, other))
    for name in ours:
        torch.testing.assert_close(ours[name], theirs[name])


def test_the_hog_error_is_the_mean_over_hidden_cells():
    task = hidden()
    prediction = torch.rand(2, 27, 8, 8, dtype=torch.float64)
    error = (HogTarget.mean + prediction - hog(task.target)).square().mean(1) / HogTarget.variance
    cells = task.weight[:, 0, ::8, ::8] == 1
    found = HogTarget().error(prediction, task.target, task.weight).item()
    assert found == pytest.approx(error[cells].mean().item())
    assert HogTarget().error(prediction, task.target, None).item() == pytest.approx(error.mean().item())


def test_the_hog_target_is_predicted_from_the_cell_mean_of_the_full_size_output():
    task, net = hidden(), network(27).eval()
    features = net.encoder(task.seen, visible=task.visible)
    nn.init.normal_(net.target_head.weight)
    full = net.target_head(net.decoder(features))
    expected = 8 * nn.functional.avg_pool2d(full, 8)
    torch.testing.assert_close(net(task.seen, visible=task.visible, heads=True).target, expected)


def test_a_decoder_that_stops_at_the_cell_predicts_the_target_from_its_last_map():
    torch.manual_seed(0)
    task, encoder = hidden(), UNetEncoder(widths=(4,) * 6, dropout=(0.0,) * 6)
    decoder = UNetDecoder(encoder.channels, encoder.strides, dropout=(0.0,) * 2, stop=8)
    net = Autoencoder(encoder, decoder, target_channels=27).double().eval()
    nn.init.normal_(net.target_head.weight)
    rebuilt = net(task.seen, visible=task.visible, heads=True)
    expected = net.target_head(net.decoder(net.encoder(task.seen, visible=task.visible)))
    torch.testing.assert_close(rebuilt.target, expected)
    assert rebuilt.reconstruction.shape == task.target.shape


def test_the_image_head_learns_beside_the_target_and_moves_nothing_else():
    task, net = hidden(), network(27)
    nn.init.normal_(net.target_head.weight)
    terms = Objective(CellTerms(HogTarget()))(net, task)
    assert terms["loss"].item() == pytest.approx(terms["hog"].item())
    terms["loss"].backward()
    with_head = {name: p.grad.clone() for name, p in net.named_parameters()}
    net.zero_grad()
    rebuilt = net(task.seen, visible=task.visible, heads=True)
    HogTarget().error(rebuilt.target, task.target, task.weight).backward()
    for name, parameter in net.named_parameters():
        if name.startswith("head."):
            assert parameter.grad is None
            assert with_head[name].abs().sum() > 0
        else:
            torch.testing.assert_close(with_head[name], parameter.grad)


def test_the_perceptual_term_of_the_hog_target_reaches_the_encoder():
    task, net = hidden(), network(27)
    terms = Objective(CellTerms(HogTarget(), 0.5, Distance()))(net, task)
    assert terms["loss"].item() == pytest.approx((terms["hog"] + 0.5 * terms["perceptual"]).item())
    terms["perceptual"].backward()
    assert net.encoder.stages[0][0].weight.grad.abs().sum() > 0


def test_an_untrained_network_predicts_the_mean_histogram():
    task, net = hidden(), network(27)
    found = Objective(CellTerms(HogTarget()))(net, task)["hog"].item()
    constant = HogTarget().error(torch.zeros(2, 27, 8, 8, dtype=torch.float64), task.target, task.weight).item()
    assert found == pytest.approx(constant)
