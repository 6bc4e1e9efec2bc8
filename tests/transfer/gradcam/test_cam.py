"""Class activation maps: against the grad-cam package, and against networks whose answer is known."""

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_grad_cam import GradCAM, HiResCAM
from pytorch_grad_cam.utils.image import scale_cam_image
from pytorch_grad_cam.utils.model_targets import SemanticSegmentationTarget
from scipy.stats import spearmanr
from torch.nn import functional as F

from common.errors import UserError
from common.models.decoder import Decoder, UNetDecoder
from common.models.encoder import Encoder, UNetEncoder
from common.models.mobilenet import MobileNetV2Encoder
from common.models.parts import DECODERS
from common.models.registry import build_decoder
from common.models.smp import SMPEncoder
from transfer.gradcam.cam import Explained, class_activation, default_layers, find_layer, overlay_heat, upscale
from transfer.gradcam.sanity import randomised_correlations, untrained
from transfer.model import SegmentationNet

IMAGE = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
WIDTHS = (4, 4, 6, 6, 8, 8)
ENCODERS = {
    "unet": lambda: UNetEncoder(widths=WIDTHS, norm="batch"),
    "instance": lambda: UNetEncoder(widths=WIDTHS, norm="instance"),
    "mobilenet": MobileNetV2Encoder,
    "resnet18": lambda: SMPEncoder(encoder="resnet18"),
    "mit_b0": lambda: SMPEncoder(encoder="mit_b0"),
    "mobileone_s0": lambda: SMPEncoder(encoder="mobileone_s0"),
}


def network(encoder: str = "unet", decoder: str = "unet", **settings: Any) -> SegmentationNet:
    """An untrained narrow network in evaluation mode that predicts every class; BatchNorm's statistics are random."""
    torch.manual_seed(0)
    layers = ENCODERS[encoder]()
    pyramid = {"encoder_channels": layers.channels, "encoder_strides": layers.strides}
    if decoder == "unet":
        settings.setdefault("norm", "batch")
    if decoder != "deeplabv3plus":
        settings["widths"] = [8] * (4 if decoder == "conv_transpose" else 5)
    net = SegmentationNet(layers, build_decoder({"name": decoder, **pyramid, **settings}), num_classes=3)
    for layer in net.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.normal_(std=0.1)
            layer.running_var.uniform_(0.5, 2)
    net.eval()
    if isinstance(net.head, torch.nn.Conv2d):
        with torch.no_grad():
            net.head.bias -= net(IMAGE).mean((0, 2, 3))  # so that every class is predicted somewhere
    return net


class Pixels(Encoder):
    """One map, the picture itself."""

    channels, strides = (3,), (1,)

    def __init__(self) -> None:
        super().__init__(mean=[0.0] * 3, std=[1.0] * 3)
        self.same = torch.nn.Identity()

    def pyramid(self, normalised):
        return [self.same(normalised)]


class Nothing(Decoder):
    out_channels = 3

    def __init__(self) -> None:
        super().__init__()
        self.same = torch.nn.Identity()

    def forward(self, features, *, keep=None):
        del keep
        return self.same(features[-1])


def linear(**settings) -> SegmentationNet:
    """Logits are a matrix times the channels of the pixel."""
    return SegmentationNet(Pixels(), Nothing(), **settings).eval()


@pytest.mark.parametrize(("method", "package"), [("gradcam", GradCAM), ("hirescam", HiResCAM)])
@pytest.mark.parametrize(
    ("encoder", "layer"),
    [
        ("unet", "encoder.stages.5"),
        ("unet", "encoder.stages.1.0"),
        ("unet", "decoder.steps.4"),
        ("mobilenet", "encoder.features.18"),
        ("mobilenet", "encoder.features.13"),
        ("mobilenet", "decoder.steps.2"),
    ],
)
def test_maps_agree_with_the_grad_cam_package(encoder, layer, method, package):
    net, image = network(encoder).double(), IMAGE.double()
    masks = net(image).argmax(1) == 1
    assert masks.flatten(1).any(1).all()
    ours = class_activation(net, image, layer=layer, target_class=1, method=method)
    with package(net, [net.get_submodule(layer)]) as cam:
        cam.get_target_width_height = lambda _image: (ours.signed.shape[2], ours.signed.shape[1])  # no enlarging
        targets = [SemanticSegmentationTarget(1, mask.numpy()) for mask in masks]
        scaled = cam(image, targets)
        kept = cam.activations_and_grads
        raw = cam.get_cam_image(image, None, targets, kept.activations[0].numpy(), kept.gradients[0].numpy(), False)
    np.testing.assert_allclose(ours.signed.numpy(), raw, rtol=0, atol=1e-5 * np.abs(raw).max())
    assert scaled.max() > 0.99
    np.testing.assert_allclose(scale_cam_image(scale_cam_image(ours.map.numpy())), scaled, rtol=0, atol=1e-5)


def test_of_a_linear_network_the_maps_are_the_logits_themselves():
    net = linear(num_classes=2)
    matrix, picture = net.head.weight[:, :, 0, 0], torch.rand(1, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    where = torch.zeros(1, 4, 5, dtype=torch.bool)
    where[0, 1, 1:4] = True
    logit = torch.einsum("c,nchw->nhw", matrix[1], picture)
    asked = {"layer": "encoder.same", "target_class": 1, "where": where}
    by_channel = class_activation(net, picture, **asked, method="gradcam")
    torch.testing.assert_close(by_channel.signed, logit * 3 / 20)
    by_place = class_activation(net, picture, **asked, method="hirescam")
    torch.testing.assert_close(by_place.signed, logit * where)
    torch.testing.assert_close(by_place.map, logit.clamp(min=0) * where)
    torch.testing.assert_close(by_place.gradient_ratio, torch.ones(1))


def test_the_ratio_is_one_for_equal_gradients_and_less_where_they_cancel():
    net = linear(num_classes=2)
    net.head = torch.nn.Conv2d(3, 2, 3, padding=1, bias=False)
    torch.nn.init.zeros_(net.head.weight)
    with torch.no_grad():
        net.head.weight[1, 0, 1, :2] = torch.tensor([-1.0, 3.0])
    where = torch.zeros(1, 4, 4, dtype=torch.bool)
    where[0, 1, 1] = True
    found = class_activation(net, torch.rand(1, 3, 4, 4), layer="encoder", target_class=1, where=where)
    torch.testing.assert_close(found.gradient_ratio, torch.tensor([2 / 4]))


def test_the_background_of_a_network_with_one_logit_is_what_speaks_against_the_foreground():
    net = linear(num_classes=2, one_logit=True)
    where = torch.ones(1, 4, 4, dtype=torch.bool)
    signed = [
        class_activation(net, IMAGE[:1, :, :4, :4], layer="decoder", target_class=k, where=where).signed for k in (0, 1)
    ]
    assert signed[1].abs().min() > 0
    assert torch.equal(signed[0], -signed[1])


def test_an_image_has_the_same_map_alone_and_in_a_batch():
    net, image = network().train().double(), IMAGE.double()
    asked = {"layer": "encoder.stages.4", "target_class": 1}
    both, alone = class_activation(net, image, **asked), class_activation(net, image[1:], **asked)
    torch.testing.assert_close(both.signed[1:], alone.signed)
    torch.testing.assert_close(both.gradient_ratio[1:], alone.gradient_ratio)


def test_true_pixels_can_be_asked_about_in_place_of_predicted_ones():
    net = network()
    prediction = net(IMAGE).argmax(1)
    asked = {"layer": "encoder.stages.4", "target_class": 1}
    predicted = class_activation(net, IMAGE, **asked)
    assert torch.equal(predicted.signed, class_activation(net, IMAGE, **asked, where=prediction == 1).signed)
    other = class_activation(net, IMAGE, **asked, where=prediction == 2)
    assert not torch.equal(predicted.signed, other.signed)


def test_a_class_that_is_predicted_nowhere_gives_zeros_and_says_so():
    net = network()
    with torch.no_grad():
        net.head.bias[2] = -1e3
    found = class_activation(net, IMAGE, layer="encoder.stages.5", target_class=2)
    assert not found.present.any()
    assert torch.equal(found.map, torch.zeros(2, 2, 2))
    assert found.gradient_ratio.isnan().all()


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_the_network_is_left_as_it_was(frozen, training):
    net = network().train(training)
    if frozen:
        net.encoder.freeze()
    net.decoder.requires_grad_(not frozen)
    net.head.weight.grad = torch.full_like(net.head.weight, 7.0)
    modes = [module.training for module in net.modules()]
    before = {name: (p.requires_grad, None if p.grad is None else p.grad.clone()) for name, p in net.named_parameters()}
    state = {name: value.clone() for name, value in net.state_dict().items()}
    with torch.no_grad():
        assert class_activation(net, IMAGE, layer="encoder.stages.3", target_class=1).map.any()
    assert [module.training for module in net.modules()] == modes
    for name, parameter in net.named_parameters():
        assert parameter.requires_grad == before[name][0]
        assert (parameter.grad is None) == (before[name][1] is None)
    assert torch.equal(net.head.weight.grad, torch.full_like(net.head.weight, 7.0))
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    assert hooks(net) == 0


def test_hooks_are_gone_after_an_error_too():
    net = network("instance").train()
    with pytest.raises(UserError, match="nearest size that works is 64 x 64"):
        class_activation(net, torch.rand(1, 3, 65, 64), layer="encoder.stages.3", target_class=1)
    for layer in ("encoder.network", "decoder.steps", "head.1"):
        with pytest.raises(UserError):
            class_activation(net, IMAGE, layer=layer, target_class=1)
    with pytest.raises(IndexError):
        class_activation(net, IMAGE, layer="encoder.stages.3", target_class=9)
    assert hooks(net) == 0
    assert all(module.training for module in net.modules())


def hooks(net: torch.nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in net.modules())


@pytest.mark.parametrize(("encoder", "norm"), [("unet", "batch"), ("instance", "instance"), ("mobilenet", "batch")])
def test_one_forward_pass_gives_the_maps_of_all_layers_and_classes(encoder, norm):
    net, passes = network(encoder, norm=norm).double(), []
    layers, image = list(default_layers(net).values()), IMAGE.double()
    net.encoder.register_forward_hook(lambda *_: passes.append(1))
    explained = Explained(net, image, layers)
    together = {(layer, k): found for k in range(3) for layer, found in explained.maps(k).items()}
    mixed = explained.maps(torch.tensor([2, 0]))
    assert len(passes) == 1
    torch.testing.assert_close(explained.logits, net(image))
    for (layer, k), found in together.items():
        alone = class_activation(net, image, layer=layer, target_class=k)
        assert found.method == alone.method
        for name in ("signed", "gradient_ratio", "present"):
            torch.testing.assert_close(getattr(found, name), getattr(alone, name), equal_nan=True)
    for layer in layers:
        for row, k in enumerate((2, 0)):
            torch.testing.assert_close(mixed[layer].signed[row], together[layer, k].signed[row])


def test_what_a_later_layer_does_in_place_does_not_change_the_map():
    net = network(decoder="conv_transpose")
    relu = net.get_submodule("decoder.body.1")
    assert relu.inplace
    where = torch.ones(2, 64, 64, dtype=torch.bool)
    asked = {"layer": "decoder.body.0", "target_class": 1, "where": where, "method": "hirescam"}
    found = class_activation(net, IMAGE, **asked).signed
    relu.inplace = False
    assert found.any()
    assert torch.equal(found, class_activation(net, IMAGE, **asked).signed)


def test_an_instance_norm_behind_a_layer_takes_the_mean_gradient_and_so_the_elementwise_product_is_used():
    normed, plain = network("instance"), network("unet")
    found = class_activation(normed, IMAGE, layer="encoder.stages.4.3", target_class=1)
    assert found.method == "hirescam"
    assert found.gradient_ratio.max() < 1e-4
    found = class_activation(plain, IMAGE, layer="encoder.stages.4.3", target_class=1)
    assert found.method == "gradcam"
    assert found.gradient_ratio.min() > 0.1


@pytest.mark.parametrize(
    ("layer", "decoder_norm", "method"),
    [
        ("encoder.stages.4", "batch", "hirescam"),
        ("encoder.stages.5", "batch", "gradcam"),
        ("encoder.stages.5", "instance", "hirescam"),
        ("decoder.steps.3", "instance", "hirescam"),
        ("decoder.steps.4", "instance", "gradcam"),
        ("decoder.steps.4.mix.4", "instance", "gradcam"),
        ("decoder.steps.4.mix.3", "instance", "hirescam"),
    ],
)
def test_only_an_instance_norm_that_comes_after_the_layer_counts(layer, decoder_norm, method):
    net = network("instance", norm=decoder_norm)
    assert class_activation(net, IMAGE, layer=layer, target_class=1).method == method


@pytest.mark.parametrize(
    ("encoder", "decoder"),
    [
        *product(("unet", "mobilenet", "resnet18"), DECODERS),
        ("instance", "unet"),
        ("mit_b0", "unet"),
        ("mobileone_s0", "deeplabv3plus"),
    ],
)
def test_every_network_has_a_last_layer_of_encoder_and_of_decoder(encoder, decoder):
    net = network(encoder, decoder)
    layers = default_layers(net)
    assert [*layers] == ["encoder", "decoder"]
    features = net.encoder(IMAGE)
    last = {"encoder": features[-1], "decoder": net.decoder(features)}
    for part, layer in layers.items():
        assert layer.split(".")[0] == part
        find_layer(net, layer)
        where = torch.ones(2, 64, 64, dtype=torch.bool)
        found = class_activation(net, IMAGE, layer=layer, target_class=1, where=where)
        assert found.map.shape[1:] == last[part].shape[2:]
        assert found.signed.isfinite().all()
    assert hooks(net) == 0


def test_default_layers_are_the_stages_that_a_reader_expects():
    assert default_layers(network()) == {"encoder": "encoder.stages.5", "decoder": "decoder.steps.4"}
    assert default_layers(network("mobilenet"))["encoder"] == "encoder.features.18"
    assert default_layers(network("resnet18", "bilinear")) == {
        "encoder": "encoder.network.layer4",
        "decoder": "decoder.body",
    }
    assert default_layers(network("mit_b0"))["encoder"] == "encoder"
    assert default_layers(network("mobilenet", "deeplabv3plus"))["decoder"] == "decoder.mix"


def test_the_default_layer_of_the_encoder_has_eight_cells_where_the_image_has_them():
    for side, layer in {64: "encoder.stages.3", 128: "encoder.stages.4", 256: "encoder.stages.5"}.items():
        assert default_layers(network(), side)["encoder"] == layer
    image = torch.rand(1, 3, 64, 64)
    for net in (network(), network("mobilenet"), network("resnet18", "bilinear")):
        layer = default_layers(net, 64)["encoder"]
        everywhere = torch.ones(1, 64, 64, dtype=torch.bool)
        found = class_activation(net, image, layer=layer, target_class=1, where=everywhere)
        assert found.map.shape[1:] == (8, 8)
    assert default_layers(network("mit_b0"), 64)["encoder"] == "encoder"


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        ("encoder.stage.5", r"no such layer; did you mean encoder\.stages\.5\?"),
        ("", "no such layer"),
        ("encoder.stages", "is not used when the network segments"),
        ("encoder.unused", "has no influence"),
        ("encoder.flat", "gives no map"),
    ],
)
def test_a_layer_without_a_map_is_refused(layer, said):
    class Odd(UNetEncoder):
        def pyramid(self, normalised):
            self.unused(normalised)
            self.flat(normalised)
            return super().pyramid(normalised)

    encoder = Odd(widths=(4,) * 6)
    encoder.unused, encoder.flat = torch.nn.Identity(), torch.nn.Flatten()
    net = SegmentationNet(encoder, UNetDecoder(encoder.channels, encoder.strides), num_classes=3)
    with pytest.raises(UserError, match=said):
        class_activation(net, IMAGE, layer=layer, target_class=1)


def test_enlarged_maps_reach_from_0_to_1_each_and_nothing_stays_nothing():
    maps = torch.stack([torch.tensor([[0.0, 2.0], [4.0, 8.0]]), torch.zeros(2, 2), torch.full((2, 2), 1e-9)])
    large = upscale(maps, (6, 10))
    assert large.shape == (3, 6, 10)
    assert large.amax((1, 2)).tolist() == [1, 0, 1]
    expected = F.interpolate(maps[:1, None], size=(6, 10), mode="bilinear")[0, 0] / 8
    torch.testing.assert_close(large[0], expected)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_an_overlay_is_a_grey_picture_under_colours_that_grow_brighter(channels):
    picture = np.full((2, 3, channels), 100, dtype=np.uint8)
    picture[..., :1] = 100
    laid = overlay_heat(picture, np.linspace(0, 1, 6, dtype=np.float32).reshape(2, 3))
    assert laid.shape == (2, 3, 3)
    assert (np.diff(laid.reshape(-1, 3) @ [0.2126, 0.7152, 0.0722]) > 0).all()
    assert laid[0, 0] == pytest.approx(0.4 * 100 + 0.6 * np.array([68, 1, 84]), abs=0.51)


def learnt() -> tuple[SegmentationNet, torch.Tensor]:
    """A network that has learnt where bright squares are, and pictures of them."""
    torch.manual_seed(0)
    encoder = UNetEncoder(widths=(8,) * 4, dropout=(0.0,) * 4, norm="batch")
    decoder = UNetDecoder(encoder.channels, encoder.strides, widths=(8,) * 3, dropout=(0.0,) * 3, norm="batch")
    net = SegmentationNet(encoder, decoder, num_classes=2)
    image, mask = 0.3 * torch.rand(4, 3, 64, 64), torch.zeros(4, 64, 64, dtype=torch.int64)
    for sample, (top, left) in enumerate([(4, 4), (30, 36), (8, 30), (36, 10)]):
        image[sample, :, top : top + 20, left : left + 20] += 0.7
        mask[sample, top : top + 20, left : left + 20] = 1
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(40):
        loss = F.cross_entropy(net(image), mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net.eval(), image


def test_maps_depend_on_training():
    net, image = learnt()
    for layer in default_layers(net).values():
        activation, prediction = class_activation(net, image, layer=layer, target_class=1), net(image).argmax(1)
        assert activation.present.all()
        asked = {(layer, 1): activation}, image, prediction
        with_itself = randomised_correlations(*asked, others=[net])[layer, 1]
        torch.testing.assert_close(with_itself.found, torch.ones(4))
        assert with_itself.chance.max() < 0.95
        assert randomised_correlations(*asked, others=untrained(net))[layer, 1].found.mean() < 0.6


def test_the_likeness_is_the_size_of_spearmans_correlation_averaged_over_the_untrained_networks():
    net = network()
    others, prediction = untrained(net, draws=2), net(IMAGE).argmax(1)
    asked = {"layer": "encoder.stages.3", "target_class": 1, "where": prediction == 1, "method": "hirescam"}
    activation = class_activation(net, IMAGE, **asked)
    query = ("encoder.stages.3", 1)
    found = randomised_correlations({query: activation}, IMAGE, prediction, others=others)[query]
    maps = [class_activation(other, IMAGE, **asked).signed for other in others]
    for position in range(len(IMAGE)):
        ours = activation.signed[position].flatten()
        for likeness, turns in zip(found, (0, 2), strict=True):
            theirs = [torch.rot90(other[position], turns).flatten() for other in maps]
            expected = np.mean([abs(spearmanr(ours, their).statistic) for their in theirs])
            assert likeness[position].item() == pytest.approx(expected, abs=1e-6)


def test_untrained_networks_share_the_shape_and_the_input_and_no_weight():
    net = network("mobilenet")
    net.encoder.mean.add_(0.1)
    before = torch.get_rng_state()
    one, two = untrained(net, draws=2)
    assert torch.equal(torch.get_rng_state(), before)
    assert one.architecture() == net.architecture()
    assert torch.equal(one.encoder.mean, net.encoder.mean)
    weights = [next(other.encoder.features.parameters()) for other in (net, one, two)]
    assert not torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[1], weights[2])
    assert torch.equal(weights[1], next(untrained(net, draws=1)[0].encoder.features.parameters()))


def test_the_correlation_of_a_class_that_is_not_there_is_none():
    net = network()
    nowhere = torch.zeros(2, 64, 64, dtype=torch.int64)
    query = ("encoder.stages.4", 1)
    activation = class_activation(net, IMAGE, layer=query[0], target_class=1, where=nowhere == 1)
    likeness = randomised_correlations({query: activation}, IMAGE, nowhere, others=untrained(net))[query]
    assert likeness.found.isnan().all()
    assert likeness.chance.isnan().all()
