"""The autoencoder."""

import json

import pytest
import torch
from torch.nn import functional as F

from common.errors import UserError
from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from common.models.mobilenet import MobileNetV2Encoder
from pretrain.model import Autoencoder


def tiny(stop: int = 1) -> Autoencoder:
    torch.manual_seed(0)
    encoder = UNetEncoder(widths=(8,) * 6, dropout=(0.0,) * 6)
    steps = 5 if stop == 1 else 2
    settings = {"widths": (8,) * steps, "dropout": (0.0,) * steps, "stop": stop}
    decoder = UNetDecoder(encoder.channels, encoder.strides, **settings)
    return Autoencoder(encoder, decoder)


def picture(count: int, side: int = 64) -> torch.Tensor:
    """Smooth coloured blobs, different in every picture."""
    coarse = torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(3))
    return F.interpolate(coarse, size=(side, side), mode="bilinear")


@pytest.mark.parametrize("encoder", [UNetEncoder(widths=(4,) * 6), MobileNetV2Encoder()])
def test_the_reconstruction_has_the_shape_of_the_picture(encoder):
    model = Autoencoder(encoder, UNetDecoder(encoder.channels, encoder.strides))
    image = torch.rand(2, 3, 64, 96)
    assert model(image).shape == image.shape


def test_a_batch_of_one_works_in_evaluation():
    assert tiny().eval()(picture(1)).shape == (1, 3, 64, 64)


def test_the_output_is_linear():
    model = tiny().eval()
    with torch.no_grad():
        model.heads["image"].layers.bias.fill_(5.0)
    assert model(picture(1)).mean() > 1


def test_a_size_that_does_not_fit_is_refused():
    with pytest.raises(UserError, match="nearest size that works is 96 x 96"):
        tiny()(picture(1, side=100))


def test_it_can_learn_one_batch_by_heart():
    model, image = tiny(), picture(2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(70):
        loss = F.mse_loss(model(image), image)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert F.mse_loss(model.eval()(image), image) < 0.2 * image.var()


def test_skips_can_be_zeroed_from_outside():
    model = tiny().eval()
    image = picture(2)
    torch.testing.assert_close(model(image, keep=torch.ones(2)), model(image))
    assert not torch.allclose(model(image, keep=torch.zeros(2)), model(image), atol=1e-2)


def test_a_picture_decoder_and_the_head_of_the_pixels_exclude_each_other_or_not():
    encoder, image = UNetEncoder(widths=(4,) * 6), picture(1)
    decoder = UNetDecoder(encoder.channels, encoder.strides)
    for pixels in (True, False):
        model = Autoencoder(encoder, decoder, pixels=pixels, picture_width=8, target_channels=5).eval()
        again = Autoencoder.from_architecture(json.loads(json.dumps(model.architecture()))).eval()
        again.load(model.sections(), "the file")
        assert ("head" in model.sections()) == ("image" in model.decode(model.encode(image))) == pixels
        assert torch.equal(again(image), model(image))
        assert not any(part is model.picture for part in model.learners)


@pytest.mark.parametrize("stop", [1, 8])
def test_architecture_survives_json_and_rebuilds_the_same_network(stop):
    model = tiny(stop).eval()
    architecture = json.loads(json.dumps(model.architecture()))
    rebuilt = Autoencoder.from_architecture(architecture).eval()
    rebuilt.load_state_dict(model.state_dict())
    assert torch.equal(rebuilt(picture(1)), model(picture(1)))
    assert rebuilt.architecture() == architecture
    assert repr(rebuilt) == repr(model)
