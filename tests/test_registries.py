"""To add a thing is a file and a line: toys from outside, by the registry alone, are trained like our own."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import photo, square_mask, write_tree
from tiny import TINY
from torch import nn

from common.data.classes import BINARY
from common.data.layouts.layout import Layout
from common.data.layouts.parallel import Folders, parallel
from common.data.layouts.registry import LAYOUTS
from common.models.decoder import Decoder
from common.models.encoder import Encoder
from common.models.parts import DECODERS, ENCODERS, DecoderPart, EncoderPart
from common.run.checkpoint import load_handover
from transfer import load_model
from transfer.losses.registry import TERMS, Term
from transfer.main import main as transfer


class ToyEncoder(Encoder):
    """One average and one convolution a level, at strides 4 and 8."""

    channels = (6, 8)
    strides = (4, 8)

    def __init__(self, *, in_channels: int = 3) -> None:
        super().__init__(mean=[0.5] * in_channels, std=[0.25] * in_channels)
        self.fine = nn.Sequential(nn.AvgPool2d(4), nn.Conv2d(in_channels, 6, 3, padding=1), nn.ReLU())
        self.coarse = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(6, 8, 3, padding=1), nn.ReLU())

    def pyramid(self, normalised):
        fine = self.fine(normalised)
        return [fine, self.coarse(fine)]

    def levels(self) -> list[Sequence[nn.Module]]:
        return [[self.fine], [self.coarse]]

    def architecture(self) -> dict[str, Any]:
        return {"name": "toy", "in_channels": len(self.mean)}


class ToyDecoder(Decoder):
    """Enlarges the coarsest map to the image's size."""

    def __init__(self, encoder_channels: Sequence[int], encoder_strides: Sequence[int]) -> None:
        super().__init__()
        self.given = {"encoder_channels": list(encoder_channels), "encoder_strides": list(encoder_strides)}
        self.out_channels = encoder_channels[-1]
        self.enlarge = nn.Upsample(scale_factor=encoder_strides[-1], mode="bilinear", align_corners=False)

    def forward(self, features, *, keep=None):  # noqa: ARG002
        return self.enlarge(features[-1])

    def architecture(self) -> dict[str, Any]:
        return {"name": "toy", **self.given}


def squared_error(logits, mask, class_weights):
    """The Brier score of two classes."""
    return ((logits.softmax(1)[:, 1] - (mask == 1).float()) ** 2)[mask != 255].mean()


@pytest.fixture
def data(tmp_path) -> Path:
    images = {f"images/{i:02}.png": photo(i) for i in range(20)}
    return write_tree(tmp_path / "data", images | {f"masks/{i:02}.png": square_mask(1) for i in range(20)})


def train(tmp_path: Path, data: Path, *flags: str) -> Path:
    words = [*TINY, "--data_dir", str(data), "--epochs", "1", "--output_dir", str(tmp_path / "run"), *flags]
    assert transfer(words) == 0
    return tmp_path / "run"


def columns(run: Path) -> dict[str, str]:
    with (run / "metrics.csv").open() as file:
        return next(csv.DictReader(file))


def test_a_toy_encoder_is_trained_saved_and_loaded(tmp_path, data, monkeypatch):
    monkeypatch.setitem(ENCODERS, "toy", EncoderPart(ToyEncoder, "toy", ("in_channels",)))
    run = train(tmp_path, data, "--encoder", "toy")
    assert isinstance(load_model(run, "cpu").net.encoder, ToyEncoder)
    assert load_handover(run / "best.pth").architecture["encoder"] == {"name": "toy", "in_channels": 3}


def test_a_toy_decoder_is_trained_saved_and_loaded(tmp_path, data, monkeypatch):
    monkeypatch.setitem(DECODERS, "toy", DecoderPart(ToyDecoder, "toy", ("encoder_channels", "encoder_strides")))
    run = train(tmp_path, data, "--decoder", "toy", "--report")
    assert isinstance(load_model(run, "cpu").net.decoder, ToyDecoder)
    assert "a toy decoder on " in (run / "report.html").read_text()


def test_a_toy_loss_is_minimised_logged_and_drawn(tmp_path, data, monkeypatch):
    monkeypatch.setitem(TERMS, "brier", Term(squared_error, "Brier score"))
    run = train(tmp_path, data, "--dice_weight", "0", "--ce_weight", "1", "--report")
    row = columns(run)
    assert 0 < float(row["train/brier"]) < 1
    assert float(row["train/loss"]) == pytest.approx(float(row["train/brier"]) + float(row["train/cross_entropy"]))
    assert "train Brier score" in (run / "report.html").read_text()


def test_a_toy_layout_is_recognised_and_trained_on(tmp_path, data, monkeypatch):
    (data / "images").rename(data / "toy_pictures")
    (data / "masks").rename(data / "toy_labels")
    toy = Layout(words="toys", find=parallel(Folders(None, ("toy_pictures",), ("toy_labels",))))
    monkeypatch.setitem(LAYOUTS, "toy", toy)
    assert load_model(train(tmp_path, data), "cpu").names == BINARY.names


@pytest.mark.parametrize("name", ENCODERS)
def test_every_registered_encoder_is_made_from_what_a_run_offers_and_rebuilt(name):
    part = ENCODERS[name]
    unet = {"widths": (4, 4, 4, 4, 4, 4), "norm": "batch", "dropout": (0.0,) * 6, "down": "stride"}
    encoder = part.make({"encoder": "resnet18", "in_channels": 1, "output_stride": 32, **unet})
    assert isinstance(encoder, Encoder)
    assert part.words
    assert encoder.architecture()["name"] == name
    assert len(encoder.levels()) == len(encoder.strides) == len(encoder.channels)
    assert (type(encoder).load_pretrained is not Encoder.load_pretrained) == part.pretrained
    assert tuple(encoder.mean.shape) == (1, 1, 1)


@pytest.mark.parametrize("name", DECODERS)
def test_every_registered_decoder_is_made_from_what_a_run_offers_and_segments(name):
    part, encoder = DECODERS[name], ENCODERS["mobilenet_v2"].load()()
    offered = {"encoder_channels": encoder.channels, "encoder_strides": encoder.strides, "widths": None}
    decoder = part.make({**offered, "dropout": (0.0,) * 5, "norm": "batch", "up": "bilinear"}).eval()
    assert isinstance(decoder, Decoder)
    assert part.words
    assert decoder.architecture()["name"] == name
    maps = decoder(encoder.eval()(torch.rand(1, 3, 64, 64)))
    assert maps.shape[1] == decoder.out_channels
    assert decoder.head(2).eval()(maps).shape == (1, 2, 64, 64)
