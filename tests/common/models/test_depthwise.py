"""Which convolutions stay in float32 under autocast, and that they are the same otherwise."""

import copy

import pytest
import torch
from torch import nn
from torchvision.models import mobilenet_v2

from common.engine.precision import Precision
from common.models.depthwise import Float32Conv2d, spare_depthwise

BF16 = Precision(torch.device("cpu"), "bf16")


def layer(**options) -> nn.Conv2d:
    torch.manual_seed(0)
    return nn.Conv2d(8, 8, **{"kernel_size": 3, "padding": 1, "groups": 8, **options})


@pytest.mark.parametrize(
    ("options", "spared"),
    [
        ({"stride": 2}, True),
        ({"stride": (1, 2)}, True),
        ({"kernel_size": 5}, True),
        ({"stride": 2, "groups": 4}, True),
        ({}, False),
        ({"stride": 2, "groups": 1}, False),
        ({"stride": 2, "groups": 2}, False),
    ],
)
def test_those_of_few_channels_with_strides_or_large_kernels_are_spared(options, spared):
    network = nn.Sequential(layer(**options))
    spare_depthwise(network)
    assert isinstance(network[0], Float32Conv2d) is spared


@torch.no_grad()
def test_a_spared_one_rounds_once_under_autocast_and_is_torchs_own_without():
    given, image = layer(stride=2), torch.rand(2, 8, 16, 16)
    network = nn.Sequential(copy.deepcopy(given))
    placed = BF16.place(network)
    assert torch.equal(network(image), given(image))
    half = image.bfloat16()
    with BF16.autocast():
        rounded = network(half)
    assert torch.equal(rounded, given(half.float()).bfloat16())
    assert torch.equal(placed(image), given(image))
    assert network.state_dict().keys() == nn.Sequential(given).state_dict().keys()


def test_the_gradient_of_a_spared_one_is_computed_in_float32():
    network, image = nn.Sequential(layer(stride=2)), torch.rand(2, 8, 16, 16, requires_grad=True)
    expected = torch.autograd.grad(network(image).sum(), image)[0]
    assert torch.equal(torch.autograd.grad(BF16.place(network)(image).sum(), image)[0], expected)


def test_a_placed_mobilenet_has_its_four_strides_of_single_channels_in_float32():
    network = mobilenet_v2(weights=None).features
    BF16.place(network)
    assert [part.stride for part in network.modules() if isinstance(part, Float32Conv2d)] == [(2, 2)] * 4
