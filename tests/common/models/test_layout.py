"""Channels-last weights: where they are taken, and that values stay the same."""

import pytest
import torch
from torch import nn

from common.models.decoder import UNetDecoder
from common.models.double import Double
from common.models.encoder import UNetEncoder
from common.models.mobilenet import MobileNetV2Encoder
from pretrain.model import Autoencoder
from transfer.model import SegmentationNet


def parts(norm, encoder=None):
    torch.manual_seed(0)
    encoder = encoder or UNetEncoder(widths=(8, 16, 16), norm=norm, dropout=(0.0,) * 3)
    steps = len(encoder.strides) - (encoder.strides[0] == 1)
    return encoder, UNetDecoder(encoder.channels, encoder.strides, norm=norm, dropout=(0.0,) * steps)


def is_channels_last(network):
    return all(
        weight.is_contiguous(memory_format=torch.channels_last) for weight in network.parameters() if weight.ndim == 4
    )


@pytest.mark.parametrize("norm", ["batch", "instance", "group"])
def test_weights_are_channels_last_unless_a_normalisation_is_slower_with_it(norm):
    for network in (SegmentationNet(*parts(norm), num_classes=3), Autoencoder(*parts(norm))):
        assert is_channels_last(network) == (norm != "group")
        assert is_channels_last(SegmentationNet(*parts("batch", MobileNetV2Encoder()), num_classes=3))


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_logits_and_gradients_are_those_of_the_other_order(norm):
    network, image = SegmentationNet(*parts(norm), num_classes=3), torch.rand(4, 3, 32, 32)
    plain = SegmentationNet(*parts(norm), num_classes=3).to(memory_format=torch.contiguous_format)
    assert not is_channels_last(plain)
    for one in (network, plain):
        one(image).square().mean().backward()
    torch.testing.assert_close(network(image), plain(image), rtol=1e-4, atol=1e-5)
    for ours, theirs in zip(network.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_maps_are_channels_last_to_the_end(norm):
    network = SegmentationNet(*parts(norm), num_classes=3)
    orders = []

    def look(_layer, _inputs, output):
        if output.ndim == 4 and output.shape[1] > 1:
            orders.append(output.is_contiguous(memory_format=torch.channels_last))

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.BatchNorm2d | nn.InstanceNorm2d | Double):
            layer.register_forward_hook(look)
    network(torch.rand(2, 3, 32, 32))
    assert orders
    assert all(orders)
