"""Another encoder than the U-Net goes through both phases, and what it began with is told wherever labels are."""

import json
import shutil

import pytest
import torch
from run_checks import metrics, power_cut, refusal, same, weights
from test_registries import ToyEncoder
from tiny import SYNTHETIC, TINY

from common.config.load import read_yaml
from common.models.given import Pretrained
from common.models.parts import ENCODERS, EncoderPart
from common.run.checkpoint import load_handover
from common.run.exported import read_export
from pretrain import load_encoder
from pretrain.evaluate.__main__ import main as look
from pretrain.main import main as pretrain
from transfer.main import main as transfer

SMALL = ["--image_size", "32", "--batch_size", "8", "--device", "cpu", *SYNTHETIC, "--epochs", "1", "--no_report"]
BEGUN = "beginning with ImageNet (toy)"


class TaughtEncoder(ToyEncoder):
    """A toy whose published weights are all 0.1."""

    def load_pretrained(self, path):  # noqa: ARG002
        for parameter in self.parameters():
            torch.nn.init.constant_(parameter, 0.1)
        return Pretrained(4)


@pytest.fixture(autouse=True)
def _toy(monkeypatch, tmp_path):
    monkeypatch.setitem(ENCODERS, "toy", EncoderPart(TaughtEncoder, "toy", ("in_channels",), pretrained=True))
    (tmp_path / "none.yaml").write_text("")


def test_labels_that_an_encoder_began_with_are_told_by_everything_that_comes_of_it(tmp_path, capsys):
    assert pretrain([*SMALL, "--encoder", "toy", "--report", "--output_dir", "ae"]) == 0
    assert "encoder from ImageNet (toy): 4 tensors loaded; ImageNet's labels are in them" in capsys.readouterr().out
    handover = load_handover(tmp_path / "ae/ae.pth", kind="autoencoder")
    assert (handover.task.began_with, handover.task.uses_imagenet_labels) == ("ImageNet (toy)", True)
    page = (tmp_path / "ae/report.html").read_text(encoding="utf-8")
    assert BEGUN in page
    assert "ImageNet labels were used" in page
    assert look(["--model_path", "ae", "--analyze_latent_space", "--device", "cpu"]) == 0
    assert BEGUN in (tmp_path / "ae/evaluation-test/report.html").read_text(encoding="utf-8")
    capsys.readouterr()
    second = [*SMALL, "--config", "none.yaml", "--transfer", "encoder+decoder"]
    twice = [*second, "--pretrained_encoder", "ae", "--encoder", "toy", "--output_dir", "seg"]
    assert "--pretrained_encoder and --encoder toy both name an encoder" in refusal(transfer, twice, capsys)
    shutil.copy("ae/ae.pth", "mine.pth")
    twice[twice.index("ae")] = "mine.pth"
    assert "mine.pth and --encoder toy both name an encoder" in refusal(transfer, twice, capsys)
    assert transfer([*second, "--pretrained_encoder", "ae", "--output_dir", "seg"]) == 0
    assert f"encoder and decoder from ae/ae.pth (pretext mask, {BEGUN}): " in capsys.readouterr().out
    receipt = json.loads((tmp_path / "seg/receipt.json").read_text())
    assert receipt["loaded"] == receipt["tensors"]
    assert receipt["uses_imagenet_labels"] is True
    assert transfer([*second, "--like", "ae", "--output_dir", "alike"]) == 0
    assert load_handover(tmp_path / "alike/best.pth").architecture["encoder"]["name"] == "toy"


def test_a_second_training_goes_on_from_such_an_encoder(tmp_path, capsys):
    assert pretrain([*SMALL, "--encoder", "toy", "--output_dir", "ae"]) == 0
    again = [*SMALL, "--start_from", "ae", "--pretext", "denoise", "--output_dir", "ae2", "--image_size", "64"]
    assert "has the encoder toy, and --encoder is unet: give --encoder toy" in refusal(pretrain, again, capsys)
    assert pretrain([*again, "--encoder", "toy"]) == 0
    task = metrics(tmp_path / "ae2")["task"]
    assert "began_with" not in task
    assert task["before"]["began_with"] == "ImageNet (toy)"
    assert task["uses_imagenet_labels"] is True


def test_a_resumed_training_of_such_an_encoder_has_the_bits_of_an_unbroken_one(tmp_path):
    words = [*SMALL, "--epochs", "2", "--encoder", "toy"]
    assert pretrain([*words, "--output_dir", "whole"]) == 0
    with power_cut(after=1):
        pretrain([*words, "--output_dir", "cut"])
    assert pretrain([*words, "--output_dir", "cut", "--resume"]) == 0
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))


def test_settings_of_the_embedded_pets_leave_out_the_unets(tmp_path):
    assert pretrain([*SMALL, "--encoder", "toy", "--encoder_weights", "none", "--output_dir", "ae"]) == 0
    settings = read_yaml(tmp_path / "ae/config.yaml")
    assert (settings["encoder"], settings["norm"]) == ("toy", "batch")
    task = metrics(tmp_path / "ae")["task"]
    assert task["uses_imagenet_labels"] is False
    assert "began_with" not in task


def test_an_exported_encoder_is_taken_up_with_its_record(tmp_path, capsys):
    words = [*SMALL, "--encoder", "toy", "--output_dir", "ae"]
    assert "let its name end in .safetensors" in refusal(pretrain, [*words, "--export_encoder", "e.pth"], capsys)
    assert pretrain([*words, "--export_encoder", "out/encoder.safetensors"]) == 0
    assert "encoder alone: out/encoder.safetensors (toy, 4 tensors" in capsys.readouterr().out
    image = torch.rand(1, 3, 32, 32)
    for ours, theirs in zip(load_encoder("out/encoder.safetensors")(image), load_encoder("ae")(image), strict=True):
        assert torch.equal(ours, theirs)
    again = ["--model_path", "ae", "--export_encoder", "again.safetensors", "--device", "cpu", "--no_report"]
    assert look(again) == 0
    assert read_export(tmp_path / "again.safetensors") == read_export(tmp_path / "out/encoder.safetensors")
    capsys.readouterr()
    second = [*SMALL, "--config", "none.yaml", "--pretrained_encoder", "again.safetensors", "--output_dir", "seg"]
    assert "leave --transfer encoder+decoder out" in refusal(
        transfer, [*second, "--transfer", "encoder+decoder"], capsys
    )
    assert "holds the encoder toy, and --encoder is unet" in refusal(transfer, [*second, "--encoder", "unet"], capsys)
    assert transfer(second) == 0
    assert "encoder from again.safetensors (toy): 4 of 4 tensors loaded" in capsys.readouterr().out
    receipt = json.loads((tmp_path / "seg/receipt.json").read_text())
    assert (receipt["began_with"], receipt["uses_imagenet_labels"]) == ("ImageNet (toy)", True)
    first, then = (load_handover(tmp_path / run).provenance for run in ("ae/ae.pth", "seg/best.pth"))
    assert set(first.train_images) == set(then.earlier_images)


def test_phase_1_goes_on_from_an_exported_encoder_with_its_record(tmp_path):
    library = [*SMALL, "--encoder", "mobilenet_v2", "--image_size", "64", "--decoder_stride", "8"]
    assert pretrain([*library, "--encoder_weights", "none", "--export_encoder", "e.safetensors",
                     "--output_dir", "ae"]) == 0  # fmt: skip
    again = [*library, "--encoder_weights_path", "e.safetensors", "--pretext", "plain", "--output_dir", "ae2"]
    assert pretrain(again) == 0
    task = metrics(tmp_path / "ae2")["task"]
    assert task["began_with"] == "e.safetensors (mobilenet_v2)"
    assert task["before"]["pretext"] == "mask"
    assert "unknown_labels" not in task


def test_the_default_is_the_unet_with_the_bits_of_its_name(tmp_path):
    assert pretrain([*TINY, *SYNTHETIC, "--epochs", "1", "--output_dir", "one"]) == 0
    assert pretrain([*TINY, *SYNTHETIC, "--epochs", "1", "--encoder", "unet", "--output_dir", "two"]) == 0
    assert same(weights(tmp_path / "one"), weights(tmp_path / "two"))
