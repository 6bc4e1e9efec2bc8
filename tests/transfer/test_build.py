"""Which parts of a segmentation network are handed over, and at what rate each is trained."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from common.run.records import Receipt
from transfer.build import training_parts
from transfer.model import SegmentationNet

PRETRAINED = Receipt(
    source="ae.pth",
    parts=("encoder",),
    tensors=48,
    loaded=48,
    part_parameters=1,
    parameters=2,
    trained_parameters=2,
    frozen_epochs=3,
    epochs=20,
    thaw_every=0,
    lr_factor=0.1,
)
SCRATCH = replace(PRETRAINED, source="scratch", loaded=0, frozen_epochs=0, lr_factor=1.0)


def tiny() -> SegmentationNet:
    encoder = UNetEncoder(widths=(4,) * 3, dropout=(0.0,) * 3)
    return SegmentationNet(encoder, UNetDecoder(encoder.channels, encoder.strides, dropout=(0.0,) * 2), num_classes=3)


def factors(net: SegmentationNet, receipt: Receipt, layer_decay: float) -> dict[str, float]:
    parts = training_parts(net, receipt, layer_decay)
    factor = {id(p): part.factor for part in parts for p in nn.ModuleList(part.modules).parameters()}
    assert len(factor) == len(list(net.parameters()))
    return {name.rsplit(".", 2)[0]: factor[id(p)] for name, p in net.named_parameters()}


def test_the_finer_a_pretrained_level_the_slower_it_is_trained():
    found = factors(tiny(), PRETRAINED, 0.5)
    for name, value in found.items():
        stage = name.removeprefix("encoder.stages.")[0]
        assert value == pytest.approx({"0": 0.025, "1": 0.05, "2": 0.1}.get(stage, 1.0)), name


def test_from_scratch_all_is_trained_at_the_full_rate():
    assert set(factors(tiny(), SCRATCH, 0.5).values()) == {1.0}


def test_all_levels_thaw_at_once_or_one_after_the_other_from_the_coarse_end():
    assert [PRETRAINED.frozen_levels(epoch, 4) for epoch in range(5)] == [4, 4, 4, 0, 0]
    slowly = replace(PRETRAINED, thaw_every=2)
    assert [slowly.frozen_levels(epoch, 4) for epoch in range(11)] == [4, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0]
    assert [SCRATCH.frozen_levels(epoch, 4) for epoch in range(3)] == [0, 0, 0]


def test_a_receipt_says_in_one_line_what_is_there_and_what_is_not():
    assert "48 of 48 tensors loaded, 0 missing" in str(PRETRAINED)
    assert "frozen for 3 epochs, then trained at 0.1 x --lr" in str(PRETRAINED)
    assert "0 of 48 tensors loaded" in str(SCRATCH)
    assert "none is frozen" in str(SCRATCH)
    assert "encoder frozen, never trained" in str(replace(PRETRAINED, epochs=3))
    assert "8 missing" in str(replace(PRETRAINED, loaded=40))


def test_a_frozen_level_gets_no_gradient():
    net = tiny()
    net.encoder.freeze(1)
    net.train()
    net(torch.rand(2, 3, 8, 8)).square().mean().backward()
    assert all(p.grad is None for p in net.encoder.stages[0].parameters())
    assert all(p.grad is not None for p in net.encoder.stages[1].parameters())
