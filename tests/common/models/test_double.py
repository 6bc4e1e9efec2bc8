"""Doubling, against torch's own."""

import pytest
import torch
from torch import nn

from common.models.double import Double

FORMATS = [torch.contiguous_format, torch.channels_last]


@pytest.mark.parametrize("memory_format", FORMATS)
@pytest.mark.parametrize("sides", [(1, 1), (2, 3), (8, 8)])
def test_values_and_gradients_are_those_of_torch_for_whole_maps_and_for_concatenated_ones(sides, memory_format):
    torch.manual_seed(0)
    x = torch.randn(2, 4, *sides).to(memory_format=memory_format)
    beside = torch.randn(2, 3, 2 * sides[0], 2 * sides[1])
    weight = torch.randn(2, 7, 2 * sides[0], 2 * sides[1])
    found = []
    for double in (Double(), nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)):
        leaf = x.clone().requires_grad_()
        out = double(leaf)
        (torch.cat([out, beside], dim=1).sin() * weight).sum().backward()
        found.append((out, leaf.grad))
    (ours, our_grad), (theirs, their_grad) = found
    assert torch.equal(ours, theirs)
    torch.testing.assert_close(our_grad, their_grad, rtol=1e-5, atol=1e-6)
    assert our_grad.is_contiguous(memory_format=memory_format)


def test_gradients_agree_with_finite_differences():
    x = torch.randn(1, 2, 3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(Double(), x)


def test_in_bf16_the_gradient_is_that_of_double_precision_to_one_rounding():
    torch.manual_seed(0)
    x = torch.randn(2, 16, 8, 8).to(memory_format=torch.channels_last)
    beside, weight = torch.randn(2, 16, 16, 16), torch.randn(2, 32, 16, 16).bfloat16()
    found = []
    for dtype in (torch.bfloat16, torch.float64):
        leaf = x.to(dtype).requires_grad_()
        (torch.cat([Double()(leaf), beside.to(dtype)], dim=1) * weight.to(dtype)).sum().backward()
        found.append(leaf.grad)
    torch.testing.assert_close(found[0].double(), found[1], rtol=2**-8, atol=2**-9)
