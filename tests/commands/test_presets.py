"""Each published system runs by its preset, on made-up data in its own folder layout."""

import hashlib
import json

import pytest
import torch
from datasets import photo, square_mask, write_train_test_masks, write_train_val_test, write_tree
from torchvision.models import mobilenet_v2

from common.config.load import load_config
from common.config.recipes import CONFIGS
from common.models.weights import IMAGENET, WeightSource
from common.run.checkpoint import load_handover
from pretrain.main import main as pretrain
from transfer.config import TransferConfig
from transfer.main import main as transfer

PRESETS = sorted(path.stem for path in (CONFIGS / "transfer").glob("[a-e]_*.yaml"))
NARROW = {
    "a": ["--widths", "4", "4", "4", "6", "6", "8"],
    "e": ["--widths", "4", "4", "4", "6", "8", "--decoder_widths", "8", "6", "4", "4"],
}
SIZES = {  # parameters of the network that a preset builds at its full size, classifier heads included
    "b_frozen": 2_223_872 + 8_555_457,
    "c_isic_tuned": 2_223_872 + 13_272_065,
    "d_isic_frozen": 9_474_913,
}


def write_isic(root):
    for part, count in (("Training", 14), ("Test", 4)):
        folder = f"ISBI2016_ISIC_Part1_{part}"
        for i in range(count):
            name = f"ISIC_{100 * (part == 'Test') + i:07}"
            write_tree(root, {f"{folder}_Data/{name}.jpg": photo(i + 50 * (part == "Test"))})
            write_tree(root, {f"{folder}_GroundTruth/{name}_Segmentation.png": square_mask(255)})
    return root


def write_few(root):
    """10 training, 4 validation and 4 test images, as system E has them."""
    splits = ["train"] * 10 + ["val"] * 4 + ["test"] * 4
    write_tree(root, {f"images/{i:02}.png": photo(i) for i in range(18)})
    write_tree(root, {f"masks/{i:02}.png": square_mask(255) for i in range(18)})
    (root / "splits.csv").write_text("stem,split\n" + "".join(f"{i:02},{s}\n" for i, s in enumerate(splits)))
    return root


LAYOUTS = {
    "a": lambda root: write_train_val_test(root, train=8),
    "b": write_train_test_masks,
    "c": write_isic,
    "d": write_isic,
    "e": write_few,
}


def run(name: str, folder, *words) -> dict:
    """Train one epoch with a preset, small and from random weights; returns the receipt."""
    system = name[0]
    small = ["--image_size", "64", "--epochs", "1", "--batch_size", "4", "--device", "cpu", "--save_every", "0"]
    small.append("--no_report")
    data = ["--data_dir", str(LAYOUTS[system](folder / "data")), "--output_dir", str(folder / "run")]
    weights = ["--encoder_weights", "none"]
    assert transfer(["--config", str(CONFIGS / f"transfer/{name}.yaml"), *small, *data, *weights, *words]) == 0
    scores = json.loads((folder / "run/metrics.json").read_text())["test"]
    assert scores["pixel_accuracy"] is not None
    return json.loads((folder / "run/receipt.json").read_text())


def test_all_five_systems_have_their_presets():
    assert PRESETS == [
        "a_pets_autoencoder",
        "a_pets_imagenet",
        "a_pets_scratch",
        "b_frozen",
        "b_tuned",
        "c_isic_frozen",
        "c_isic_tuned",
        "d_isic_frozen",
        "d_isic_tuned",
        "e_deeplabv3plus",
        "e_efficientnet",
        "e_resnet34",
        "e_unet_transpose",
        "e_unet_upsample",
    ]


SISTERS = (
    "b_frozen",
    "b_tuned",
    "c_isic_frozen",
    "c_isic_tuned",
    "d_isic_tuned",
    "e_resnet34",
    "e_efficientnet",
    "e_deeplabv3plus",
)
"""Presets of which another test or preset has the decoder or the library: only the slow tests train them."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in SISTERS else ())
        for name in PRESETS
        if name != "a_pets_autoencoder"
    ],
)
def test_a_preset_runs_in_its_own_layout(name, tmp_path):
    narrow = NARROW[name[0]] if name in ("a_pets_scratch", "e_unet_transpose", "e_unet_upsample") else []
    receipt = run(name, tmp_path, *narrow, "--precision", "fp32")
    assert name not in SIZES or receipt["parameters"] == SIZES[name]


def test_the_autoencoder_of_phase_1_goes_into_phase_2(tmp_path):
    write_tree(tmp_path / "photos", {f"{i}.jpg": photo(i) for i in range(40)})
    words = ["--data_dir", str(tmp_path / "photos"), "--image_size", "64", "--epochs", "1", "--batch_size", "8"]
    words += [*NARROW["a"], "--perceptual_weight", "0", "--device", "cpu", "--precision", "fp32", "--no_report"]
    config = ["--config", str(CONFIGS / "pretrain/system_a.yaml")]
    assert pretrain([*config, *words, "--output_dir", str(tmp_path / "ae")]) == 0
    receipt = run("a_pets_autoencoder", tmp_path, "--pretrained_encoder", str(tmp_path / "ae"), "--precision", "fp32")
    assert receipt["loaded"] == receipt["tensors"] == 48


@pytest.mark.parametrize("name", [name for name in PRESETS if name[0] in "bcd"])
def test_a_preset_says_whether_the_encoder_ever_thaws(name):
    config = load_config(TransferConfig, ["--config", str(CONFIGS / f"transfer/{name}.yaml")], prog="")
    assert (config.encoder.freeze_epochs >= config.training.epochs) is name.endswith("frozen")
    assert name.endswith("frozen") or config.encoder.freeze_epochs == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["b_frozen", "c_isic_tuned"])
def test_a_frozen_encoder_comes_out_as_it_went_in_and_a_tuned_one_does_not(name, tmp_path, monkeypatch):
    torch.manual_seed(0)
    donor = mobilenet_v2().state_dict()
    path = tmp_path / "weights.pth"
    torch.save(donor, path)
    source = WeightSource(file=path.name, url="", sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setitem(IMAGENET, "mobilenet_v2", source)
    receipt = run(name, tmp_path, "--encoder_weights", "imagenet", "--encoder_weights_path", str(path))
    trained = load_handover(tmp_path / "run/best.pth").sections["encoder"]
    same = [torch.equal(trained[key], value) for key, value in donor.items() if key.startswith("features.")]
    frozen = name.endswith("frozen")
    assert all(same) is frozen
    assert receipt["loaded"] == receipt["tensors"] == len(same)
    assert receipt["trained_parameters"] == receipt["parameters"] - (2_223_872 if frozen else 0)
