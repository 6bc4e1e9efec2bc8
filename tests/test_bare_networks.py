"""The floor of the speed benchmark: the network alone, and its convolutions alone."""

import pytest
import torch
from torch import nn

from benchmarks.bare import ALONE, Convolutions, bare_step, floor
from common.engine.precision import Precision


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 1))


@pytest.mark.parametrize("form", ["fp32", "bf16"])
def test_the_operations_of_convolutions_are_those_of_a_count_by_hand(form):
    image = torch.rand(2, 3, 16, 16)
    convolutions = Convolutions(network(), Precision(torch.device("cpu"), form), image)
    pixels = 16 * 16
    first, second = 2 * pixels * 3 * 9 * 8, 2 * pixels * 8 * 4
    assert convolutions.work == pytest.approx((2 * first + 3 * second) / 1e9)  # an image has no gradient


def test_convolutions_see_what_they_see_within_the_network():
    seen, image, net = [], torch.rand(2, 3, 16, 16), network()
    convolutions = Convolutions(net, Precision(torch.device("cpu")), image)
    net[3].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    net(image)
    convolutions()
    torch.testing.assert_close(seen[0], seen[1])


def test_a_bare_step_moves_the_weights():
    net = network()
    before = next(net.parameters()).clone()
    bare_step(net, Precision(torch.device("cpu"), "bf16"), torch.rand(2, 3, 16, 16))()
    assert not torch.equal(before, next(net.parameters()))


def test_the_floor_says_what_four_times_the_speed_needs():
    times = {"plain loop": [0.08], f"{ALONE}, fp32": [0.04], f"{ALONE}, bf16": [0.02]}
    told = floor(times, 4.0, against="plain loop")
    assert "4.00 GFLOP an image, computed at 100 GFLOP/s in fp32, 200 GFLOP/s in bf16" in told
    assert "needs 200 GFLOP/s" in told
