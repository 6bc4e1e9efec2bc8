"""What a network begins with, and how the receipt calls it."""

import json

import torch

from common.models.mobilenet import MobileNetV2Encoder
from common.report.page import notices
from common.run.notes import external_labels
from common.run.plain_data import to_dict
from transfer.build import build_network
from transfer.config import EncoderConfig, TransferConfig
from transfer.receipt import read_receipt


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
