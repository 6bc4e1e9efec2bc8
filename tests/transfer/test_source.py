"""What a network begins with, and how the receipt calls it."""

import json
from dataclasses import replace

import pytest
import torch
from torchvision.models import mobilenet_v2

from common.data.synthetic.pets import synthetic_pets
from common.errors import UserError
from common.models import recognised
from common.models.mobilenet import MobileNetV2Encoder
from common.report.page import notices
from common.run.notes import external_labels
from common.run.plain_data import to_dict
from transfer.build import build_network
from transfer.config import EncoderConfig, TransferConfig
from transfer.receipt import read_receipt
from transfer.study.initialisations import Initialisation
from transfer.study.leaks import leaks_of


def test_the_receipt_of_weights_of_ones_own_names_their_file_and_no_labels_of_imagenet(tmp_path):
    torch.manual_seed(0)
    state = MobileNetV2Encoder().features.state_dict()
    torch.save({f"model.features.{name}": tensor for name, tensor in state.items()}, tmp_path / "mine.pth")
    flags = EncoderConfig(encoder="mobilenet_v2", encoder_weights_path=tmp_path / "mine.pth")
    _, receipt, _ = build_network(TransferConfig(encoder=flags), ("ground", "pet"))
    assert str(receipt).startswith(f"encoder from {tmp_path}/mine.pth (mobilenet_v2, behind the prefix model.): 312 of")
    assert external_labels(receipt) == "unknown"
    assert [notice.text for notice in notices([], receipt)] == [
        "Weights of one's own helped to train the encoder, and do not say whose labels taught them"
    ]
    (tmp_path / "receipt.json").write_text(json.dumps(to_dict(receipt)))
    assert read_receipt(tmp_path / "receipt.json") == receipt


def moco(path):
    """A checkpoint as MoCo leaves it, of a MobileNetV2, the first that is looked for."""
    torch.manual_seed(1)
    state = mobilenet_v2(weights=None).state_dict()
    torch.save({"state_dict": {f"module.encoder_q.{name}": tensor for name, tensor in state.items()}}, path)
    return state


def test_the_receipt_of_another_programs_pretraining_names_file_encoder_and_prefix(tmp_path, monkeypatch):
    monkeypatch.setattr(recognised, "smp_names", tuple)
    state = moco(tmp_path / "moco.pth.tar")
    flags = EncoderConfig(pretrained_encoder=tmp_path / "moco.pth.tar")
    net, receipt, _ = build_network(TransferConfig(encoder=flags), ("ground", "pet"))
    where = "mobilenet_v2, in state_dict, behind the prefix module.encoder_q."
    assert str(receipt).startswith(f"encoder from {tmp_path}/moco.pth.tar ({where}): 312 of 312 tensors loaded")
    assert (external_labels(receipt), receipt.lr_factor) == ("unknown", 0.3)
    assert torch.equal(net.encoder.features[0][0].weight, state["features.0.0.weight"])
    with pytest.raises(UserError, match=r"holds an encoder alone: leave --transfer encoder\+decoder out"):
        build_network(TransferConfig(encoder=replace(flags, transfer="encoder+decoder")), ("ground", "pet"))


def test_a_network_shaped_like_another_programs_encoder_begins_at_random(tmp_path, monkeypatch):
    monkeypatch.setattr(recognised, "smp_names", tuple)
    state = moco(tmp_path / "moco.pth.tar")
    flags = EncoderConfig(like=tmp_path / "moco.pth.tar")
    net, receipt, _ = build_network(TransferConfig(encoder=flags), ("ground", "pet"))
    assert receipt.source == f"scratch (shaped like {tmp_path}/moco.pth.tar)"
    assert receipt.loaded == 0
    assert not torch.equal(net.encoder.features[0][0].weight, state["features.0.0.weight"])


def test_a_study_says_that_nobody_knows_the_images_of_another_programs_pretraining(tmp_path):
    moco(tmp_path / "moco.pth.tar")
    start = Initialisation("moco", tmp_path / "moco.pth.tar")
    [told] = leaks_of(start, synthetic_pets(3, 64, seed=0))
    assert told.startswith("moco: nobody knows whether test images were among those of its pretraining")
