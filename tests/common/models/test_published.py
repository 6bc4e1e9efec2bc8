"""The decoders of other systems: the contract, their exact sizes, and their layers written out."""

import json

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from common.errors import UserError
from common.models.decoder import Decoder, UNetDecoder
from common.models.deeplab import DeepLabV3PlusDecoder
from common.models.mobilenet import MobileNetV2Encoder
from common.models.parts import DECODERS
from common.models.published import BilinearDecoder, ConvTransposeDecoder, TransposeDecoder
from common.models.registry import build_decoder

CHANNELS, STRIDES = (4, 6, 8, 8, 10), (2, 4, 8, 16, 32)
THIN = {"widths": (6, 5, 4, 4, 3), "dropout": (0.0,) * 5}
MAKERS = {
    "unet-transpose": lambda: UNetDecoder(CHANNELS, STRIDES, up="transpose", **THIN),
    "unet-nearest": lambda: UNetDecoder(CHANNELS, STRIDES, up="nearest", **THIN),
    "conv_transpose": lambda: ConvTransposeDecoder(CHANNELS, STRIDES, widths=(6, 5, 4, 3)),
    "transpose": lambda: TransposeDecoder(CHANNELS, STRIDES, **THIN),
    "bilinear": lambda: BilinearDecoder(CHANNELS, STRIDES, **THIN),
    "deeplabv3plus": lambda: DeepLabV3PlusDecoder(CHANNELS, STRIDES),
}


@pytest.fixture(params=MAKERS)
def decoder(request) -> Decoder:
    torch.manual_seed(0)
    return MAKERS[request.param]()


def maps(height: int = 64, width: int = 96) -> list[torch.Tensor]:
    source = torch.Generator().manual_seed(2)
    return [
        torch.randn(2, c, height // s, width // s, generator=source) for c, s in zip(CHANNELS, STRIDES, strict=True)
    ]


def size(*modules: nn.Module) -> int:
    return sum(weight.numel() for module in modules for weight in module.parameters())


def test_with_its_head_it_reaches_the_size_of_the_picture(decoder):
    assert decoder.head(3)(decoder(maps())).shape == (2, 3, 64, 96)


def test_architecture_survives_json_and_rebuilds_the_same_network(decoder):
    architecture = json.loads(json.dumps(decoder.architecture()))
    assert architecture["name"] in DECODERS
    rebuilt = build_decoder(architecture).eval()
    assert rebuilt.architecture() == architecture
    assert repr(rebuilt) == repr(decoder.eval())
    rebuilt.load_state_dict(decoder.state_dict())
    assert torch.equal(rebuilt(maps()), decoder(maps()))


@pytest.mark.parametrize("name", ["conv_transpose", "transpose", "bilinear"])
def test_without_skips_only_the_coarsest_map_counts(name):
    torch.manual_seed(0)
    decoder = MAKERS[name]().eval()
    other = [torch.zeros_like(features) for features in maps()[:-1]]
    assert torch.equal(decoder(maps()), decoder([*other, maps()[-1]]))
    assert not torch.equal(decoder(maps()), decoder([*maps()[:-1], other[0].new_zeros(2, 10, 2, 3)]))


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [(ConvTransposeDecoder, 8_555_457), (TransposeDecoder, 13_272_065), (BilinearDecoder, 7_251_041)],
)
def test_on_mobilenet_it_has_the_published_number_of_parameters(kind, parameters):
    encoder = MobileNetV2Encoder()
    decoder = kind(encoder.channels, encoder.strides)
    assert size(decoder, decoder.head(1)) == parameters


def test_system_d_has_the_published_number_of_parameters_in_all():
    encoder = MobileNetV2Encoder()
    decoder = BilinearDecoder(encoder.channels, encoder.strides)
    classifier = 1_281_000  # of the published network, where it does nothing
    assert size(encoder) + classifier == 3_504_872
    assert size(encoder, decoder, decoder.head(1)) + classifier == 10_755_913


def test_conv_transpose_equals_its_layers_written_out():
    torch.manual_seed(0)
    decoder = ConvTransposeDecoder(CHANNELS, STRIDES, widths=(6, 5, 4, 3))
    head = decoder.head(2)
    x = maps()[-1]
    for layer in decoder.body[0:10:2]:
        x = F.relu(F.conv2d(x, layer.weight, layer.bias, padding=1))
    for layer in decoder.body[11::3]:
        x = F.relu(F.conv_transpose2d(x, layer.weight, layer.bias, stride=2, padding=1, output_padding=1))
    x = F.conv_transpose2d(x, head[1].weight, head[1].bias, stride=2, padding=1, output_padding=1)
    torch.testing.assert_close(head(decoder(maps())), x)


def test_its_convolutions_start_as_xavier_has_it():
    torch.manual_seed(0)
    decoder = ConvTransposeDecoder((64,) * 5, STRIDES)
    first = decoder.body[0].weight
    assert first.abs().max().item() == pytest.approx((6 / (9 * 128)) ** 0.5, rel=0.01)
    assert not decoder.body[0].bias.any()


def test_bilinear_equals_its_layers_written_out():
    torch.manual_seed(0)
    decoder = BilinearDecoder(CHANNELS, STRIDES, **THIN).eval()
    x = maps()[-1]
    for at in range(0, len(decoder.body), 5):
        convolution, norm = decoder.body[at : at + 2]
        x = F.relu(norm(F.conv2d(x, convolution.weight, convolution.bias, padding=1)))
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(decoder(maps()), x)


def test_dropout_stands_before_each_doubling_or_after_it():
    rates = (0.5, 0.4, 0.3, 0.2, 0.1)
    for kind in (ConvTransposeDecoder, TransposeDecoder, BilinearDecoder):
        decoder = kind(CHANNELS, STRIDES, dropout=rates)
        found = [layer.p for layer in (*decoder.body, *decoder.head(1).modules()) if isinstance(layer, nn.Dropout2d)]
        assert found == list(rates)


def test_widths_are_one_for_each_doubling_that_is_not_the_heads():
    with pytest.raises(UserError, match="has 5 steps"):
        TransposeDecoder(CHANNELS, STRIDES, widths=(8, 8))
    with pytest.raises(UserError, match="has 4 steps"):
        ConvTransposeDecoder(CHANNELS, STRIDES, widths=(8,) * 5)


def test_at_a_finer_stride_the_last_of_the_published_widths_are_taken():
    for kind in (ConvTransposeDecoder, TransposeDecoder, BilinearDecoder):
        decoder = kind(CHANNELS[:4], STRIDES[:4], dropout=(0.0,) * 4)
        assert decoder.widths == kind.WIDTHS[1:]
        assert decoder.head(2)(decoder(maps()[:4])).shape == (2, 2, 64, 96)


def test_deeplab_dilates_by_the_published_rates_at_stride_16_and_half_of_them_at_32():
    def rates(strides):
        decoder = DeepLabV3PlusDecoder((4,) * len(strides), strides)
        return [part.dilation[0] for part in decoder.pool.modules() if isinstance(part, nn.Conv2d)][1:4]

    assert rates((2, 4, 8, 16)) == [6, 12, 18]
    assert rates((2, 4, 8, 16, 32)) == [3, 6, 9]


def test_deeplab_refuses_an_encoder_without_a_map_of_stride_4():
    with pytest.raises(UserError, match=r"stride 4 .* this one has strides 1, 2"):
        DeepLabV3PlusDecoder((4, 4), (1, 2))


def test_transposed_steps_equal_their_layers_written_out():
    torch.manual_seed(0)
    decoder = UNetDecoder((3, 5), (1, 2), widths=(4,), dropout=(0.0,), norm="group", up="transpose")
    fine, coarse = torch.randn(2, 3, 8, 8), torch.randn(2, 5, 4, 4)
    step = decoder.steps[0]
    up = F.conv_transpose2d(coarse, step.narrow.weight, step.narrow.bias, stride=2)
    torch.testing.assert_close(decoder([fine, coarse]), step.mix(torch.cat([up, fine], 1)))


def test_nearest_steps_repeat_every_cell():
    torch.manual_seed(0)
    decoder = UNetDecoder((3, 5), (1, 2), widths=(4,), dropout=(0.0,), norm="group", up="nearest")
    fine, coarse = torch.randn(2, 3, 8, 8), torch.randn(2, 5, 4, 4)
    step = decoder.steps[0]
    up = step.narrow(coarse.repeat_interleave(2, 2).repeat_interleave(2, 3))
    torch.testing.assert_close(decoder([fine, coarse]), step.mix(torch.cat([up, fine], 1)), rtol=1e-4, atol=1e-5)
