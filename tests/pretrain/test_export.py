"""The encoder alone in a file: what stands in it, and that the libraries take it whole by their own names."""

import json
from dataclasses import replace
from unittest.mock import Mock

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from segmentation_models_pytorch.encoders import get_encoder
from torchvision.models import mobilenet_v2

from common.config.load import load_config
from common.errors import UserError
from common.models.mobilenet import MobileNetV2Encoder
from common.models.smp import SMPEncoder
from common.run.exported import ENTRY, read_export
from pretrain import load_encoder
from pretrain.build import build_model, build_target
from pretrain.config import PretrainConfig
from pretrain.export import export_encoder
from pretrain.main import main as pretrain
from pretrain.record import task_record
from tests.records import autoencoder_handover
from tests.tiny import PRETRAIN, SYNTHETIC, TINY

WORDS = {"unet": TINY, **{name: ["--image_size", "64", "--encoder", name] for name in ("mobilenet_v2", "resnet18")}}


def exported(name, path, **told):
    """The encoder with random weights, statistics too, as it came; and its file."""
    torch.manual_seed(0)
    config = load_config(PretrainConfig, [*WORDS[name], "--decoder_stride", "8"], prog="")
    model = build_model(config, build_target(config))
    for value in model.encoder.state_dict().values():
        if value.is_floating_point() and value.ndim == 1:
            value.uniform_(0.5, 1.5)
    handover = autoencoder_handover(model, replace(task_record(config), **told))
    handover = replace(handover, provenance=replace(handover.provenance, train_images=("a", "b")))
    export_encoder(handover, path)
    return model.encoder.eval()


def header(path):
    with safe_open(path, "pt") as file:
        return file.metadata()


def test_segmentation_models_pytorch_takes_a_resnet_strictly_and_makes_the_same_maps(tmp_path):
    encoder = exported("resnet18", tmp_path / "e.safetensors")
    theirs, image = get_encoder("resnet18", weights=None).eval(), torch.rand(2, 3, 64, 64)
    theirs.load_state_dict(load_file(tmp_path / "e.safetensors"), strict=True)
    told = header(tmp_path / "e.safetensors")
    mean, std = (torch.tensor(json.loads(told[name])).view(-1, 1, 1) for name in ("mean", "std"))
    maps = theirs((image - mean) / std)[1:]
    for ours, their in zip(encoder(image), maps, strict=True):
        torch.testing.assert_close(ours, their, rtol=1e-4, atol=1e-4)  # the order in memory has other last bits
    assert told["encoder"] == "resnet18"
    assert told["pretraining"] == "filling in hidden patches, as gradient histograms"
    assert told["labels"] == "none"
    assert "licence" not in told


def test_torchvision_takes_a_mobilenet_strictly_and_makes_the_same_maps(tmp_path):
    origin = "ImageNet (mobilenet_v2)"
    encoder = exported("mobilenet_v2", tmp_path / "e.safetensors", began_with=origin, uses_imagenet_labels=True)
    theirs, image = mobilenet_v2(weights=None).eval(), torch.rand(2, 3, 64, 64)
    theirs.classifier = torch.nn.Identity()
    theirs.load_state_dict(load_file(tmp_path / "e.safetensors"), strict=True)
    coarsest = theirs.features((image - encoder.mean) / encoder.std)
    torch.testing.assert_close(encoder(image)[-1], coarsest, rtol=1e-4, atol=1e-4)
    smp = get_encoder("mobilenet_v2", weights=None)
    smp.load_state_dict(load_file(tmp_path / "e.safetensors"), strict=True)
    told = header(tmp_path / "e.safetensors")
    assert (told["labels"], told["licence"]) == ("ImageNet", f"{origin}: bsd-3-clause")


@pytest.mark.parametrize("name", WORDS)
def test_the_file_alone_rebuilds_the_encoder_with_its_record(name, tmp_path):
    encoder = exported(name, tmp_path / "e.safetensors")
    image = torch.rand(2, 3, 64, 64)
    for ours, theirs in zip(load_encoder(tmp_path / "e.safetensors")(image), encoder(image), strict=True):
        torch.testing.assert_close(ours, theirs)
    record = read_export(tmp_path / "e.safetensors")
    assert record is not None
    assert (record.input.image_size, record.train_images) == (64, ("a", "b"))
    assert record.task.target == "hog"


def test_the_statistics_of_an_export_are_those_of_the_encoder_that_takes_it(tmp_path):
    encoder = exported("resnet18", tmp_path / "e.safetensors")
    path = tmp_path / "other.safetensors"
    told = header(tmp_path / "e.safetensors")
    record = json.loads(told[ENTRY]) | {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.5, 0.75]}
    save_file(load_file(tmp_path / "e.safetensors"), path, told | {ENTRY: json.dumps(record)})
    encoder.load_pretrained(path)
    assert encoder.mean.flatten().tolist() == [0.5, 0.5, 0.5]
    grey = SMPEncoder(encoder="resnet18", in_channels=1)
    grey.load_pretrained(path)
    assert (grey.mean.item(), grey.std.item()) == (0.5, 0.5)


def test_an_export_is_not_taken_for_imagenets_nor_its_labels_for_unknown(tmp_path):
    exported("mobilenet_v2", tmp_path / "e.safetensors")
    given = MobileNetV2Encoder().load_pretrained(tmp_path / "e.safetensors")
    assert not given.imagenet
    assert given.record is not None
    assert not given.record.task.unknown_labels


@pytest.mark.parametrize("damage", ["{", '{"input": 3}'])
def test_a_damaged_record_is_one_sentence(damage, tmp_path):
    path = tmp_path / "e.safetensors"
    save_file({"weight": torch.zeros(2)}, path, {ENTRY: damage})
    with pytest.raises(UserError, match=r"e\.safetensors cannot be used|cannot read .*e\.safetensors"):
        load_encoder(path)


def test_a_finished_run_that_is_resumed_writes_the_copies_that_are_not_there(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert pretrain([*PRETRAIN, *SYNTHETIC, "--epochs", "1", "--output_dir", "run"]) == 0
    (tmp_path / "old.pth").touch()
    words = ["--resume", "--output_dir", "run", "--handover_path"]
    assert pretrain([*words, "old.pth", "--export_encoder", "e.safetensors"]) == 0
    assert pretrain([*words, "new.pth"]) == 0
    assert read_export(tmp_path / "e.safetensors") is not None
    assert (tmp_path / "new.pth").read_bytes() == (tmp_path / "run/ae.pth").read_bytes()
    assert (tmp_path / "old.pth").stat().st_size == 0
    assert "replaced" not in capsys.readouterr().out


def test_a_run_whose_copy_replaced_the_file_that_it_began_with_goes_on_to_its_report(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = [*PRETRAIN, *SYNTHETIC, "--epochs", "1", "--handover_path", "ae.pth", "--output_dir"]
    assert pretrain([*words, "first"]) == 0
    with monkeypatch.context() as patch:
        patch.setattr("pretrain.report.run_report.report_training", Mock(side_effect=KeyboardInterrupt))
        assert pretrain([*words, "second", "--start_from", "ae.pth"]) == 130
    assert (tmp_path / "ae.pth").read_bytes() == (tmp_path / "second/ae.pth").read_bytes()
    assert pretrain(["--resume", "--output_dir", "second"]) == 0
    assert (tmp_path / "second/metrics.json").exists()
