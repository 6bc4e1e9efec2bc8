"""The contract that every encoder keeps, and what each one is exactly."""

import copy
import functools
import json

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models import mobilenet_v2

from common.errors import UserError
from common.models.blocks import norm_layer
from common.models.encoder import Encoder, UNetEncoder
from common.models.mobilenet import MobileNetV2Encoder
from common.models.parts import ENCODERS
from common.models.registry import build_encoder
from common.models.smp import SMPEncoder
from common.models.visible import normalise_visible

TINY = (4, 8, 8, 8, 8, 12)
MAKERS = {
    "unet-instance": lambda: UNetEncoder(widths=TINY),
    "unet-batch": lambda: UNetEncoder(widths=TINY, norm="batch"),
    "unet-group": lambda: UNetEncoder(widths=TINY, norm="group"),
    "unet-grey": lambda: UNetEncoder(widths=TINY, in_channels=1),
    "mobilenet_v2": MobileNetV2Encoder,
    "mobilenet_v2-grey": lambda: MobileNetV2Encoder(in_channels=1),
    "unet-pool": lambda: UNetEncoder(widths=TINY, norm="batch", down="max_pool"),
    "resnet18": lambda: SMPEncoder(encoder="resnet18"),
    "efficientnet-b0": lambda: SMPEncoder(encoder="efficientnet-b0"),
    "resnet18-grey": lambda: SMPEncoder(encoder="resnet18", in_channels=1),
    "resnet18-dilated": lambda: SMPEncoder(encoder="resnet18", output_stride=16),
}


@pytest.fixture(params=MAKERS)
def encoder(request) -> Encoder:
    return copy.deepcopy(_made(request.param))


@functools.cache
def _made(name: str) -> Encoder:
    torch.manual_seed(0)
    return MAKERS[name]()


def images(encoder: Encoder, count: int, height: int = 64, width: int = 64) -> torch.Tensor:
    return torch.rand(count, len(encoder.mean), height, width, generator=torch.Generator().manual_seed(1))


def test_maps_have_the_promised_channels_and_strides(encoder):
    maps = encoder(images(encoder, 2, 64, 96))
    promised = [(2, c, 64 // s, 96 // s) for c, s in zip(encoder.channels, encoder.strides, strict=True)]
    assert [tuple(one.shape) for one in maps] == promised
    assert list(encoder.strides) == sorted(encoder.strides)


def test_batch_of_one_of_the_smallest_size_works_in_evaluation(encoder):
    encoder.eval()
    maps = encoder(images(encoder, 1, encoder.min_size, encoder.min_size))
    assert all(one.isfinite().all() for one in maps)


def test_a_picture_is_encoded_alike_alone_and_in_a_batch(encoder):
    encoder.eval()
    both = images(encoder, 2)
    for alone, among in zip(encoder(both[:1]), encoder(both), strict=True):
        torch.testing.assert_close(alone, among[:1], rtol=1e-3, atol=1e-4 * max(1.0, alone.abs().max().item()))


@pytest.mark.parametrize(("height", "width", "nearest"), [(66, 64, (2, 2)), (32, 32, (2, 2)), (64, 112, (2, 4))])
def test_a_size_that_does_not_fit_is_refused_with_the_nearest_that_does(encoder, height, width, nearest):
    if encoder.strides[-1] != 32:
        height, width = height // 2, width // 2
    side = encoder.strides[-1]
    works = f"{nearest[0] * side} x {nearest[1] * side}"
    with pytest.raises(UserError, match=f"are {height} x {width} .* nearest size that works is {works}"):
        encoder(images(encoder, 1, height, width))


def test_sizes_are_rounded_to_the_nearest_not_the_next(encoder):
    stride = encoder.strides[-1]
    half = stride // 2
    for side, nearest in ((5 * half - 1, 2), (5 * half, 3), (6 * half - 1, 3), (1, 2), (6 * half + 1, 3)):
        with pytest.raises(UserError, match=f"is {nearest * stride} x {2 * stride} "):
            encoder.check_size(side, 2 * stride)
    encoder.check_size(2 * stride, 3 * stride)


def test_architecture_survives_json_and_rebuilds_the_same_network(encoder):
    architecture = json.loads(json.dumps(encoder.architecture()))
    rebuilt = build_encoder(architecture)
    assert architecture["name"] in ENCODERS
    assert type(rebuilt) is type(encoder)
    assert rebuilt.architecture() == architecture
    assert repr(rebuilt) == repr(encoder)
    rebuilt.load_state_dict(encoder.state_dict())
    encoder.eval(), rebuilt.eval()
    for ours, theirs in zip(encoder(images(encoder, 1)), rebuilt(images(encoder, 1)), strict=True):
        assert torch.equal(ours, theirs)


def test_input_statistics_travel_with_the_weights(encoder):
    assert {"mean", "std"} <= encoder.state_dict().keys()
    changed = copy.deepcopy(encoder)
    with torch.no_grad():
        changed.mean += 0.1
        changed.std *= 2
    encoder.load_state_dict(changed.state_dict())
    torch.testing.assert_close(encoder.std, changed.std)


def test_a_frozen_encoder_is_bit_identical_after_training_around_it(encoder):
    model = nn.ModuleDict({"encoder": encoder, "head": nn.Conv2d(encoder.channels[-1], 2, 1)})
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    encoder.freeze()
    model.eval()
    model.train()
    before = copy.deepcopy(model.state_dict())
    for _ in range(2):
        optimizer.zero_grad()
        model["head"](encoder(images(encoder, 2))[-1]).square().mean().backward()
        optimizer.step()
    after = model.state_dict()
    assert all(torch.equal(after[key], before[key]) for key in before if key.startswith("encoder."))
    assert not torch.equal(after["head.weight"], before["head.weight"])


def test_a_frozen_encoder_has_no_dropout_and_its_parts_stay_in_evaluation_mode(encoder):
    encoder.freeze()
    assert not any(layer.training for layer in leaves(encoder))
    nn.ModuleList([encoder]).train()
    assert not any(layer.training for layer in leaves(encoder))
    first, second = encoder(images(encoder, 1))[-1], encoder(images(encoder, 1))[-1]
    assert torch.equal(first, second)


def leaves(module: nn.Module) -> list[nn.Module]:
    return [layer for layer in module.modules() if not list(layer.children())]


def test_the_levels_hold_every_parameter_once(encoder):
    held = [parameter for layers in encoder.levels() for layer in layers for parameter in layer.parameters()]
    assert len(encoder.levels()) == len(encoder.strides)
    assert sorted(map(id, held)) == sorted(map(id, encoder.parameters()))


def test_a_level_makes_its_own_map_from_the_one_before(encoder):
    encoder.eval()
    before = encoder(images(encoder, 1))
    with torch.no_grad():
        for parameter in nn.ModuleList(encoder.levels()[2]).parameters():
            parameter.mul_(1.5)
    after = encoder(images(encoder, 1))
    assert all(torch.equal(*pair) for pair in zip(before[:2], after[:2], strict=True))
    assert not torch.equal(before[2], after[2])


def test_frozen_levels_give_the_same_maps_twice_in_training(encoder):
    encoder.freeze(3)
    encoder.train()
    first, second = encoder(images(encoder, 2)), encoder(images(encoder, 2))
    assert all(torch.equal(*pair) for pair in zip(first[:3], second[:3], strict=True))


def test_only_the_finest_levels_can_be_frozen(encoder):
    encoder.freeze(2)
    encoder.train()
    before = copy.deepcopy(encoder.state_dict())
    optimizer = torch.optim.SGD(encoder.parameters(), lr=0.1)
    encoder(images(encoder, 4))[-1].square().mean().backward()
    optimizer.step()
    fine, coarse = encoder.levels()[:2], encoder.levels()[2:]
    assert not any(layer.training for layers in fine for part in layers for layer in leaves(part))
    assert all(layer.training for layers in coarse for part in layers for layer in leaves(part))
    names = {id(value): name for name, value in [*encoder.named_parameters(), *encoder.named_buffers()]}
    held = [
        value for layers in fine for value in (*nn.ModuleList(layers).parameters(), *nn.ModuleList(layers).buffers())
    ]
    assert held
    assert all(torch.equal(value, before[names[id(value)]]) for value in held)


def test_an_unfrozen_encoder_learns_again(encoder):
    encoder.freeze()
    encoder.freeze(0)
    before = copy.deepcopy(encoder.state_dict())
    sum(one.square().mean() for one in encoder(images(encoder, 4))).backward()
    torch.optim.SGD(encoder.parameters(), lr=0.1).step()
    assert all(part.training for part in encoder.modules())
    assert all(
        not torch.equal(weight, before[name])
        for name, weight in encoder.named_parameters()
        if weight.grad is not None and weight.grad.any()
    )
    changed = [name for name, value in encoder.state_dict().items() if not torch.equal(value, before[name])]
    assert len(changed) > len(before) / 3


def test_the_unet_encoder_has_the_published_number_of_parameters():
    assert sum(weight.numel() for weight in UNetEncoder().parameters()) == 9_437_856


def test_the_unet_encoder_equals_its_stages_written_out():
    torch.manual_seed(0)
    encoder = UNetEncoder(widths=(4, 6), dropout=(0.0, 0.0)).eval()
    image = torch.rand(2, 3, 8, 8)
    x = image
    for stage, found in enumerate(encoder(image)):
        for layer in (0, 3):
            convolution, norm = encoder.stages[stage][layer], encoder.stages[stage][layer + 1]
            stride = 2 if stage == 1 and layer == 0 else 1
            x = F.conv2d(x, convolution.weight, convolution.bias, stride=stride, padding=1)
            centred = x - x.mean(dim=(2, 3), keepdim=True)
            x = centred / (x.var(dim=(2, 3), keepdim=True, correction=0) + 1e-5).sqrt()
            x = x * norm.weight.view(-1, 1, 1) + norm.bias.view(-1, 1, 1)
            x = torch.where(x > 0, x, 0.01 * x)
        torch.testing.assert_close(found, x, rtol=1e-4, atol=1e-5)


def test_spatial_dropout_drops_whole_channels_at_the_given_rate():
    torch.manual_seed(0)
    encoder = UNetEncoder(widths=(16, 64), dropout=(0.0, 0.25))
    fine, coarse = encoder(torch.rand(32, 3, 8, 8))
    assert (fine != 0).any(dim=(2, 3)).all()
    dropped = (coarse == 0).all(dim=(2, 3)).float().mean()
    assert 0.22 < dropped < 0.28
    assert ((coarse == 0).any(dim=(2, 3)) == (coarse == 0).all(dim=(2, 3))).all()


def test_convolutions_start_with_the_variance_that_keeps_the_signal():
    torch.manual_seed(0)
    convolution = UNetEncoder().stages[4][3]
    assert convolution.weight.std().item() == pytest.approx((2 / (1 + 0.01**2) / (512 * 9)) ** 0.5, rel=0.01)
    assert not convolution.bias.any()


@pytest.mark.parametrize(("channels", "groups"), [(32, 8), (12, 6), (7, 7), (11, 1)])
def test_group_norm_has_the_largest_number_of_groups_up_to_eight(channels, groups):
    assert norm_layer("group", channels).num_groups == groups


def test_one_dropout_rate_for_each_stage_is_required():
    with pytest.raises(UserError, match=r"dropout has 6 numbers .* has 2 steps"):
        UNetEncoder(widths=(4, 8))


def test_mobilenet_without_its_classifier_has_torchvisions_parameters():
    whole = sum(weight.numel() for weight in mobilenet_v2(weights=None).parameters())
    ours = sum(weight.numel() for weight in MobileNetV2Encoder().parameters())
    assert (ours, whole) == (2_223_872, 2_223_872 + 1_281_000)


def test_mobilenet_equals_torchvision_on_the_normalised_picture():
    torch.manual_seed(0)
    theirs = mobilenet_v2(weights=None).eval()
    ours = MobileNetV2Encoder().eval()
    assert ours.load_imagenet(theirs.state_dict()) == 312
    image = torch.rand(2, 3, 64, 64)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = ((image.permute(0, 2, 3, 1) - mean) / std).permute(0, 3, 1, 2)
    for found, end in zip(ours(image), (2, 4, 7, 14, 19), strict=True):
        torch.testing.assert_close(found, theirs.features[:end](x))


def test_mobilenet_refuses_weights_that_do_not_fit():
    state = mobilenet_v2(weights=None).state_dict()
    state["features.18.1.extra"] = state.pop("features.18.1.weight")
    state["features.0.0.weight"] = torch.zeros(32, 1, 3, 3)
    with pytest.raises(UserError) as refused:
        MobileNetV2Encoder().load_imagenet(state)
    assert "missing: 1 (features.18.1.weight)" in str(refused.value)
    assert "unexpected: 1 (features.18.1.extra)" in str(refused.value)
    assert "wrong shape: 1 (features.0.0.weight 32x1x3x3 not 32x3x3x3)" in str(refused.value)


def test_an_unknown_encoder_is_refused_with_the_known_ones():
    with pytest.raises(UserError, match="no encoder called 'resnet'; known are unet, mobilenet_v2"):
        build_encoder({"name": "resnet"})


def test_a_setting_that_the_encoder_does_not_have_is_refused():
    with pytest.raises(UserError, match="depth"):
        build_encoder({"name": "mobilenet_v2", "depth": 3})


def hiding(ratio: float = 0.5) -> torch.Tensor:
    """Patches of 8 pixels hidden at random, and a block of 32 x 32 of them."""
    patches = (torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(2)) > ratio).float()
    patches[:, :, :4, :4] = 0
    return patches.repeat_interleave(8, 2).repeat_interleave(8, 3)


@pytest.mark.parametrize("everywhere", [True, False])
def test_what_is_hidden_does_not_enter_the_maps(everywhere, encoder):
    encoder.eval()
    image, visible = images(encoder, 2), hiding()
    other = torch.where(visible == 1, image, torch.rand_like(image))
    seen, same = (encoder(one, visible=visible, everywhere=everywhere) for one in (image, other))
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(seen, same, strict=True))


def test_what_the_input_alone_hides_has_the_mean_colour(encoder):
    encoder.eval()
    image, visible = images(encoder, 2), hiding()
    filled = torch.where(visible == 1, image, encoder.mean.expand_as(image))
    for ours, theirs in zip(encoder(image, visible=visible, everywhere=False), encoder(filled), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4 * max(1.0, theirs.abs().max().item()))


def test_only_an_encoder_whose_entry_says_so_keeps_hidden_pixels_out_of_its_maps(encoder):
    encoder.eval()
    image, visible = images(encoder, 2), hiding()
    maps = encoder(image, visible=visible)
    hidden = [features * (1 - F.max_pool2d(visible, s)) for features, s in zip(maps, encoder.strides, strict=True)]
    entry = ENCODERS[encoder.architecture()["name"]]
    assert all((one == 0).all() for one in hidden) is entry.hides_everywhere


def test_cells_behind_hidden_pixels_are_zero_at_every_scale_and_others_are_not():
    encoder = UNetEncoder(widths=TINY).eval()
    visible = hiding()
    for features, stride in zip(encoder(images(encoder, 2), visible=visible), encoder.strides, strict=True):
        cells = F.max_pool2d(visible, stride)
        assert (features * (1 - cells) == 0).all()
        assert (features.abs().sum(1, keepdim=True)[cells == 1] > 0).all()
    assert F.max_pool2d(visible, 32)[:, :, 0, 0].sum() == 0


def test_nothing_hidden_is_the_plain_encoder():
    encoder = UNetEncoder(widths=TINY).eval()
    image = images(encoder, 2)
    for ours, theirs in zip(encoder(image, visible=torch.ones(2, 1, 64, 64)), encoder(image), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_statistics_of_visible_cells_keep_their_digits_in_mixed_precision(norm):
    torch.manual_seed(0)
    layer, reference = norm_layer(norm, 5).train(), norm_layer(norm, 5).train()
    x = (torch.randn(3, 5, 4, 4) * 0.05 + 10).bfloat16()
    cells = torch.ones(3, 1, 4, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = normalise_visible(layer, x, cells)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), reference(x.float()), atol=0.02, rtol=0.02)
    for ours, theirs in zip(layer.buffers(), reference.buffers(), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_statistics_are_those_of_the_visible_cells_alone(norm):
    torch.manual_seed(0)
    layer, reference = norm_layer(norm, 5).train(), norm_layer(norm, 5).train()
    x = torch.randn(3, 5, 4, 4) * 2 + 1
    cells = torch.zeros(3, 1, 4, 4)
    cells[:, :, :2] = 1  # what is visible is a map of half the height
    found = normalise_visible(layer, x, cells)[:, :, :2]
    torch.testing.assert_close(found, reference(x[:, :, :2]))
    for ours, theirs in zip(layer.buffers(), reference.buffers(), strict=True):
        torch.testing.assert_close(ours, theirs)
