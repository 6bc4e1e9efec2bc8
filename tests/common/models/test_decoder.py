"""The decoder: shapes, its formula, what happens to skips."""

import json

import pytest
import torch
from torch.nn import functional as F

from common.errors import UserError
from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from common.models.mobilenet import MobileNetV2Encoder
from common.models.registry import build_decoder

PYRAMIDS = {
    "unet": ((4, 6, 8, 8, 8, 10), (1, 2, 4, 8, 16, 32)),
    "mobilenet_v2": ((4, 6, 8, 8, 10), (2, 4, 8, 16, 32)),
}


def maps(channels, strides, *, count: int = 2, side: int = 64) -> list[torch.Tensor]:
    source = torch.Generator().manual_seed(2)
    return [
        torch.randn(count, c, side // s, side // s, generator=source) for c, s in zip(channels, strides, strict=True)
    ]


@pytest.fixture(params=PYRAMIDS)
def pyramid(request):
    torch.manual_seed(0)
    return PYRAMIDS[request.param]


@pytest.mark.parametrize("skips", ["all", "none"])
@pytest.mark.parametrize("norm", ["instance", "batch", "group"])
def test_the_output_has_the_size_of_the_picture(pyramid, norm, skips):
    decoder = UNetDecoder(*pyramid, norm=norm, skips=skips)
    assert f"{norm}norm" in repr(decoder).lower()
    assert decoder(maps(*pyramid)).shape == (2, decoder.out_channels, 64, 64)


def test_default_widths_follow_the_encoder():
    unet, mobilenet = UNetEncoder(), MobileNetV2Encoder()
    assert UNetDecoder(unet.channels, unet.strides).widths == (512, 256, 128, 64, 32)
    assert UNetDecoder(mobilenet.channels, mobilenet.strides).widths == (256, 128, 64, 32, 16)


@pytest.mark.parametrize("stop", [2, 8])
def test_a_decoder_that_stops_early_is_the_first_steps_of_a_whole_one(pyramid, stop):
    count = len([stride for stride in (16, 8, 4, 2, 1) if stride >= stop])
    early, whole = UNetDecoder(*pyramid, dropout=(0.0,) * count, stop=stop), UNetDecoder(*pyramid, dropout=(0.0,) * 5)
    assert early.widths == whole.widths[:count]
    whole.steps.load_state_dict({**whole.steps.state_dict(), **early.steps.state_dict()})
    features = maps(*pyramid)
    x, skips = features[-1], features[-2::-1]
    for step, skip in zip(whole.steps[:count], [*skips, None][:count], strict=True):
        x = step(x, skip)
    assert torch.equal(early(features), x)
    assert x.shape[-1] == 64 // stop


def test_the_head_of_a_decoder_that_stops_early_draws_a_patch_from_each_cell():
    decoder = UNetDecoder((4, 4, 4), (1, 2, 4), dropout=(0.0,), stop=2)
    head, cells = decoder.head(3), torch.randn(2, decoder.out_channels, 8, 8)
    drawn = head(cells)
    assert drawn.shape == (2, 3, 16, 16)
    changed = cells.clone()
    changed[:, :, 2, 5] += 1
    rows, columns = (head(changed) != drawn).any(0).any(0).nonzero(as_tuple=True)
    assert set(rows.tolist()) == {4, 5}
    assert set(columns.tolist()) == {10, 11}


def test_a_step_equals_its_layers_written_out():
    torch.manual_seed(0)
    decoder = UNetDecoder((3, 5), (1, 2), widths=(4,), dropout=(0.0,))
    fine, coarse = maps((3, 5), (1, 2), side=8)
    step = decoder.steps[0]
    # Narrowing after enlarging: the order that the decoder claims to equal.
    up = F.interpolate(coarse, size=(8, 8), mode="bilinear", align_corners=False)
    x = torch.cat([F.conv2d(up, step.narrow.weight, step.narrow.bias), fine], dim=1)
    for layer in (0, 3):
        x = F.conv2d(x, step.mix[layer].weight, step.mix[layer].bias, padding=1)
        x = F.leaky_relu(F.instance_norm(x, eps=1e-5), 0.01)
    torch.testing.assert_close(decoder([fine, coarse]), x, rtol=1e-4, atol=1e-5)


def test_every_skip_reaches_the_output(pyramid):
    decoder = UNetDecoder(*pyramid).eval()
    features = [one.requires_grad_() for one in maps(*pyramid)]
    decoder(features).square().mean().backward()
    assert all(one.grad is not None and one.grad.abs().max() > 0 for one in features)


def test_without_skips_only_the_coarsest_map_is_used(pyramid):
    decoder = UNetDecoder(*pyramid, skips="none").eval()
    features = [one.requires_grad_() for one in maps(*pyramid)]
    decoder(features).square().mean().backward()
    assert [one.grad is None for one in features] == [True] * (len(features) - 1) + [False]
    assert sum(w.numel() for w in decoder.parameters()) < sum(w.numel() for w in UNetDecoder(*pyramid).parameters())


def test_keep_zeroes_the_skips_of_the_chosen_sample_alone(pyramid):
    decoder = UNetDecoder(*pyramid).eval()
    features = maps(*pyramid)
    kept = decoder(features, keep=torch.tensor([1.0, 0.0]))
    empty = decoder([torch.zeros_like(one) for one in features[:-1]] + features[-1:])
    torch.testing.assert_close(kept[0], decoder(features)[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(kept[1], empty[1], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(kept[1], decoder(features)[1], atol=1e-2)


def test_architecture_survives_json_and_rebuilds_the_same_network(pyramid):
    decoder = UNetDecoder(*pyramid, norm="group", skips="none", dropout=(0.5, 0.4, 0.3, 0.2, 0.1)).eval()
    architecture = json.loads(json.dumps(decoder.architecture()))
    rebuilt = build_decoder(architecture).eval()
    assert rebuilt.architecture() == architecture
    assert repr(rebuilt) == repr(decoder)
    rebuilt.load_state_dict(decoder.state_dict())
    assert torch.equal(rebuilt(maps(*pyramid)), decoder(maps(*pyramid)))


def test_dropout_is_spatial_and_in_its_own_step():
    torch.manual_seed(0)
    decoder = UNetDecoder((3, 5), (1, 2), widths=(64,), dropout=(0.25,))
    out = decoder(maps((3, 5), (1, 2), count=32, side=8))
    dropped = (out == 0).all(dim=(2, 3))
    assert 0.22 < dropped.float().mean() < 0.28
    assert torch.equal(dropped, (out == 0).any(dim=(2, 3)))


def test_dropout_is_strongest_in_the_coarsest_step(pyramid):
    assert [step.mix[-1].p for step in UNetDecoder(*pyramid).steps] == [0.15, 0.1, 0.1, 0.05, 0.0]


def test_convolutions_start_with_the_variance_that_keeps_the_signal():
    torch.manual_seed(0)
    convolution = UNetDecoder((64, 64), (1, 2), dropout=(0.0,)).steps[0].mix[3]
    assert convolution.weight.std().item() == pytest.approx((2 / (1 + 0.01**2) / (64 * 9)) ** 0.5, rel=0.02)
    assert not convolution.bias.any()


def test_widths_and_dropout_need_one_number_for_each_step(pyramid):
    with pytest.raises(UserError, match=r"widths has 2 numbers .* has 5 steps"):
        UNetDecoder(*pyramid, widths=(8, 8))
    with pytest.raises(UserError, match="dropout has 1 number "):
        UNetDecoder(*pyramid, dropout=(0.1,))
