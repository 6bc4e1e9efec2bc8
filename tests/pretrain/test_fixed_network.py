"""The fixed network, against torchvision's own."""

import pytest
import torch
from torch import nn
from torchvision.models import mobilenet_v2

from pretrain.fixed_network import LATE_TAPS, TAPS, FixedNetwork


@torch.no_grad()
@pytest.mark.parametrize("taps", [TAPS, LATE_TAPS])
def test_its_maps_are_torchvisions_with_normalisations_of_any_statistics(taps):
    torch.manual_seed(0)
    theirs = mobilenet_v2(weights=None).eval()
    for norm in [part for part in theirs.modules() if isinstance(part, nn.BatchNorm2d)]:
        norm.running_mean.normal_(0, 0.1)
        norm.running_var.uniform_(0.5, 2)
        norm.weight.uniform_(0.5, 1.5)
        norm.bias.normal_(0, 0.1)
    ours = FixedNetwork(theirs.state_dict(), taps)
    assert not any(isinstance(part, nn.BatchNorm2d) for part in ours.modules())
    image = torch.rand(2, 3, 64, 64)
    x = (image - ours.mean) / ours.std
    for tap, found in zip(taps, ours.maps(image), strict=True):
        wanted = theirs.features[: tap + 1](x)
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5 * wanted.abs().max().item())
