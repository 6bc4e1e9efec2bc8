"""The segmentation network."""

import json

import pytest
import torch
from torch.nn import functional as F

from common.errors import UserError
from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from common.models.mobilenet import MobileNetV2Encoder
from transfer.model import SegmentationNet


def tiny(num_classes: int = 3) -> SegmentationNet:
    torch.manual_seed(0)
    encoder = UNetEncoder(widths=(8,) * 6, dropout=(0.0,) * 6)
    decoder = UNetDecoder(encoder.channels, encoder.strides, widths=(8,) * 5, dropout=(0.0,) * 5)
    return SegmentationNet(encoder, decoder, num_classes=num_classes)


def labelled() -> tuple[torch.Tensor, torch.Tensor]:
    """Grey noise with a bright and a dark square in different places, and their mask."""
    image = 0.4 + 0.2 * torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(4))
    mask = torch.zeros(2, 64, 64, dtype=torch.int64)
    for sample, (top, left) in enumerate([(8, 8), (30, 20)]):
        for label, brightness, shift in ((1, 1.0, 0), (2, 0.0, 24)):
            place = (sample, slice(top, top + 16), slice(left + shift, left + shift + 16))
            mask[place] = label
            image[place[0], :, place[1], place[2]] = brightness
    return image, mask


@pytest.mark.parametrize("encoder", [UNetEncoder(widths=(4,) * 6), MobileNetV2Encoder()])
def test_there_is_a_score_for_every_class_at_every_pixel(encoder):
    decoder = UNetDecoder(encoder.channels, encoder.strides)
    model = SegmentationNet(encoder, decoder, num_classes=5)
    assert model(torch.rand(2, 3, 64, 96)).shape == (2, 5, 64, 96)


def test_a_batch_of_one_works_in_evaluation():
    assert tiny(1).eval()(torch.rand(1, 3, 64, 64)).shape == (1, 1, 64, 64)


def test_a_size_that_does_not_fit_is_refused():
    with pytest.raises(UserError, match="nearest size that works is 64 x 64"):
        tiny()(torch.rand(1, 3, 65, 64))


def test_it_can_learn_one_batch_by_heart():
    model = tiny()
    image, mask = labelled()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(50):
        loss = F.cross_entropy(model(image), mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert (model.eval()(image).argmax(dim=1) == mask).float().mean() > 0.98


def test_a_frozen_encoder_survives_training_mode_of_the_whole_network():
    model = tiny()
    model.encoder.freeze()
    model.train()
    model(torch.rand(2, 3, 64, 64)).sum().backward()
    assert model.decoder.training
    assert not any(layer.training for stage in model.encoder.stages for layer in stage)
    assert all(weight.grad is None for weight in model.encoder.parameters())
    assert all(weight.grad is not None for weight in model.decoder.parameters())


def test_architecture_survives_json_and_rebuilds_the_same_network():
    model = tiny().eval()
    architecture = json.loads(json.dumps(model.architecture()))
    rebuilt = SegmentationNet.from_architecture(architecture).eval()
    rebuilt.load_state_dict(model.state_dict())
    image = torch.rand(1, 3, 64, 64)
    assert torch.equal(rebuilt(image), model(image))
    assert rebuilt.architecture() == architecture
    assert repr(rebuilt) == repr(model)
