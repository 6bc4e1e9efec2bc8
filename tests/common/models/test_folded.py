"""Normalisations within convolutions: the same values, in fewer layers."""

import pytest
import torch
from torch import nn

from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from common.models.folded import folded
from common.models.mobilenet import MobileNetV2Encoder
from transfer.model import SegmentationNet


def trained(encoder, norm="batch"):
    """A network whose normalisations have statistics that training could have left."""
    steps = len(encoder.strides) - (encoder.strides[0] == 1)
    decoder = UNetDecoder(encoder.channels, encoder.strides, norm=norm, dropout=(0.0,) * steps)
    network = SegmentationNet(encoder, decoder, num_classes=3)
    for _ in range(3):
        network.train()(torch.rand(4, 3, 64, 64))
    return network.eval()


@pytest.mark.parametrize(
    "make", [MobileNetV2Encoder, lambda: UNetEncoder(widths=(8, 16, 16), norm="batch", dropout=(0.0,) * 3)]
)
def test_a_folded_network_has_the_same_logits_and_no_normalisation(make):
    torch.manual_seed(0)
    network = trained(make())
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    fast, image = folded(network), torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(fast(image), network(image), rtol=1e-4, atol=1e-4)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in fast.modules())
    after = network.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_normalisations_of_each_image_stay():
    network = trained(UNetEncoder(widths=(8, 16), norm="instance", dropout=(0.0,) * 2), norm="instance")
    image = torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(folded(network)(image), network(image))
