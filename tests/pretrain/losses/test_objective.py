"""The pretraining loss, for the image and for a target of cells."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from common.engine.precision import Precision
from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from pretrain.losses.objective import Objective
from pretrain.losses.perceptual import PerceptualLoss, PerceptualTerm
from pretrain.losses.reconstruction import ReconstructionLoss
from pretrain.model import Autoencoder, TrainingForward
from pretrain.pretexts.corrupt import mask
from pretrain.pretexts.registry import MaskSettings
from pretrain.pretexts.task import Task
from pretrain.registered import Settings
from pretrain.targets.hog import HogTarget, hog
from pretrain.targets.image import ImageTarget
from pretrain.targets.registry import LossConfig


def network(target_channels: int = 0) -> Autoencoder:
    torch.manual_seed(0)
    encoder = UNetEncoder(widths=(4,) * 6, dropout=(0.0,) * 6)
    decoder = UNetDecoder(encoder.channels, encoder.strides, widths=(4,) * 5, dropout=(0.0,) * 5)
    return Autoencoder(encoder, decoder, target_channels=target_channels).double()


def hidden(count: int = 2) -> Task:
    image = torch.rand(count, 3, 64, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return mask(image, MaskSettings(mask_ratio=0.5))


def target() -> HogTarget:
    return HogTarget(Settings(), 3)


class Distance(nn.Module):
    def forward(self, reconstruction, image):
        return (reconstruction - image).abs().mean()


def test_the_image_objective_is_the_loss_of_what_the_network_makes_of_what_it_sees():
    task, net = hidden(), network()
    loss = ReconstructionLoss(1.0, 0.0, ssim_weight=0.1)
    terms = Objective(ImageTarget(LossConfig(), 3))(TrainingForward(net), task)
    expected = loss(net(task.seen, visible=task.visible), task.image, task.weight)
    assert terms.keys() == expected.keys()
    assert all(torch.equal(terms[name], expected[name]) for name in terms)


def test_only_hidden_pixels_enter_the_squared_error():
    task = hidden()
    reconstruction = torch.rand_like(task.image)
    loss = ReconstructionLoss(1.0, 0.0, ssim_weight=0.0)
    error = loss(reconstruction, task.image, task.weight)["mse"]
    chosen = task.weight.expand_as(reconstruction) == 1
    assert error.item() == pytest.approx((reconstruction - task.image)[chosen].square().mean().item())


def test_what_is_visible_changes_no_term():
    task = hidden()
    reconstruction = torch.rand_like(task.image)
    other = reconstruction + 0.3 * (1 - task.weight)
    loss = ReconstructionLoss(1.0, 0.5, ssim_weight=0.1, perceptual=Distance())
    ours, theirs = (loss(guess, task.image, task.weight) for guess in (reconstruction, other))
    for name in ours:
        torch.testing.assert_close(ours[name], theirs[name])


def test_the_hog_error_is_the_mean_over_hidden_cells():
    task = hidden()
    prediction = torch.rand(2, 27, 8, 8, dtype=torch.float64)
    errors = (HogTarget.mean + prediction - hog(task.image)).square().mean(1) / HogTarget.variance
    cells = task.weight[:, 0, ::8, ::8] == 1
    error = target().error(prediction, target()(task.image), task.weight).item()
    assert error == pytest.approx(errors[cells].mean().item())
    assert target().error(prediction, target()(task.image), None).item() == pytest.approx(errors.mean().item())


def test_the_hog_target_is_predicted_from_the_cell_mean_of_the_full_size_output():
    task, net = hidden(), network(27).eval()
    features = net.encoder(task.seen, visible=task.visible)
    head = net.heads["target"].layers
    nn.init.normal_(head.weight)
    full = head(net.decoder(features))
    expected = 8 * nn.functional.avg_pool2d(full, 8)
    torch.testing.assert_close(net.decode(net.encode(task.seen, task.visible))["target"], expected)


def test_a_decoder_that_stops_at_the_cell_predicts_the_target_from_its_last_map():
    torch.manual_seed(0)
    task, encoder = hidden(), UNetEncoder(widths=(4,) * 6, dropout=(0.0,) * 6)
    decoder = UNetDecoder(encoder.channels, encoder.strides, dropout=(0.0,) * 2, stop=8)
    net = Autoencoder(encoder, decoder, target_channels=27).double().eval()
    head = net.heads["target"].layers
    nn.init.normal_(head.weight)
    outputs = net.decode(net.encode(task.seen, task.visible))
    expected = head(net.decoder(net.encoder(task.seen, visible=task.visible)))
    torch.testing.assert_close(outputs["target"], expected)
    assert outputs["image"].shape == task.image.shape


def test_the_perceptual_term_of_the_hog_target_reaches_the_encoder():
    task, net = hidden(), network(27)
    terms = Objective(target(), [PerceptualTerm(0.5, Distance())])(TrainingForward(net), task)
    assert terms["loss"].item() == pytest.approx((terms["hog"] + 0.5 * terms["perceptual"]).item())
    terms["perceptual"].backward()
    assert net.encoder.stages[0][0].weight.grad.abs().sum() > 0


def test_an_untrained_network_predicts_the_mean_histogram():
    task, net = hidden(), network(27)
    error = Objective(target())(TrainingForward(net), task)["hog"].item()
    constant = target().error(torch.zeros(2, 27, 8, 8, dtype=torch.float64), target()(task.image), task.weight).item()
    assert error == pytest.approx(constant)


def test_fixed_networks_compute_in_the_format_that_the_network_is_placed_in():
    task, net, perceptual = hidden(), network(target().channels).float(), PerceptualLoss(None)
    known = {name: value.float() for name, value in vars(task).items() if isinstance(value, torch.Tensor)}
    task = replace(task, **known)
    formats = []
    perceptual.layers[0].register_forward_hook(lambda _layer, _inputs, output: formats.append(output.dtype))
    objective = Objective(target(), [PerceptualTerm(1.0, perceptual)])
    plain = TrainingForward(net)
    exact = objective(plain, task)["perceptual"]
    rounded = objective(Precision(torch.device("cpu"), "bf16").place(plain), task)["perceptual"]
    again = objective(plain, task)["perceptual"]
    assert formats == [torch.float32] * 2 + [torch.bfloat16] * 2 + [torch.float32] * 2
    assert rounded.dtype == torch.float32
    assert rounded.item() == pytest.approx(exact.item(), rel=0.02)
    assert torch.equal(again, exact)
