"""A classifier takes over the classes of another one, whatever its decoder."""

import pytest
import torch

from common.models.encoder import UNetEncoder
from common.models.parts import DECODERS
from transfer.model import SegmentationNet


def net(decoder: str, classes: int, *, one_logit: bool = False) -> SegmentationNet:
    torch.manual_seed(classes)
    encoder = UNetEncoder(widths=(4,) * 6, dropout=(0.0,) * 6)
    known = {"encoder_channels": encoder.channels, "encoder_strides": encoder.strides, "widths": None}
    own = {"dropout": (0.0,) * 5, "norm": "batch", "up": "bilinear"}
    made = DECODERS[decoder].make({**known, **own})
    return SegmentationNet(encoder, made, num_classes=classes, one_logit=one_logit).eval()


def logits(head_of: SegmentationNet, image: torch.Tensor, body: SegmentationNet) -> torch.Tensor:
    found = head_of.head(body.decoder(body.encoder(image)))
    return torch.cat([torch.zeros_like(found), found], 1) if head_of.one_logit else found


@pytest.mark.parametrize("decoder", DECODERS)
def test_kept_classes_have_the_same_logits_and_the_others_stay(decoder):
    earlier, now = net(decoder, 3), net(decoder, 4)
    image = torch.rand(1, 3, 64, 64)
    fresh = logits(now, image, earlier)
    now.initialise_from_head(earlier.head.state_dict(), {3: 0, 1: 2})
    before, after = logits(earlier, image, earlier), logits(now, image, earlier)
    torch.testing.assert_close(after[:, [3, 1]], before[:, [0, 2]])
    torch.testing.assert_close(after[:, [0, 2]], fresh[:, [0, 2]])


@pytest.mark.parametrize("decoder", ["unet", "transpose"])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("one_logit", [True, False])
def test_the_logit_of_two_classes_keeps_their_chances_in_either_order(decoder, order, one_logit):
    earlier, now = net(decoder, 2, one_logit=True), net(decoder, 2, one_logit=one_logit)
    image = torch.rand(1, 3, 64, 64)
    now.initialise_from_head(earlier.head.state_dict(), dict(enumerate(order)))
    before, after = (logits(one, image, earlier).softmax(1) for one in (earlier, now))
    torch.testing.assert_close(after, before[:, list(order)])
