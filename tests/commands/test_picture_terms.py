"""The perceptual term of the pictures beside the task: where ImageNet's weights are at hand, never in the encoder."""

import hashlib
from dataclasses import replace

import pytest
import torch
from tiny import PRETRAIN, SYNTHETIC
from torchvision.models import mobilenet_v2

from common.models import weights
from common.run.checkpoint import load_handover
from common.run.notes import external_labels
from common.tensor_files import load_tensors
from pretrain.losses.picture import picture_loss
from pretrain.main import main as pretrain
from pretrain.targets.registry import LossConfig
from tests.run_checks import power_cut, refusal, same
from tests.run_checks import weights as state

WORDS = [*PRETRAIN, *SYNTHETIC]
TERM = "MSE + perceptual (mobilenet_v2, ImageNet) + SSIM"


@pytest.fixture
def imagenet(tmp_path, monkeypatch):
    """A file that stands for ImageNet's weights, which can't be downloaded, beside empty caches."""
    path = tmp_path / "mobilenet_v2-b0353104.pth"
    torch.manual_seed(3)
    torch.save(mobilenet_v2().state_dict(), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    source = replace(weights.IMAGENET["mobilenet_v2"], url="file:///nowhere", wheel=None, sha256=digest)
    monkeypatch.setitem(weights.IMAGENET, "mobilenet_v2", source)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return path


def cache(path):
    folder = path.parent / "torch/hub/checkpoints"
    folder.mkdir(parents=True)
    return path.rename(folder / path.name)


def test_pictures_learn_by_the_perceptual_distance_too_and_all_else_is_the_same_bit_for_bit(imagenet, tmp_path, capsys):
    assert pretrain([*WORDS, "--output_dir", "without"]) == 0
    assert "pictures beside the task: MSE + SSIM (ImageNet's mobilenet_v2 is not here" in capsys.readouterr().out
    named = ["--perceptual_weights_path", str(imagenet), "--report"]
    assert pretrain([*WORDS, *named, "--output_dir", "named"]) == 0
    assert f"pictures beside the task: {TERM} of {imagenet}" in capsys.readouterr().out
    kept = cache(imagenet)
    assert pretrain([*WORDS, "--output_dir", "cached"]) == 0
    assert f"pictures beside the task: {TERM} of {kept}" in capsys.readouterr().out
    runs = [load_tensors(tmp_path / name / "ae.pth")["sections"] for name in ("without", "named", "cached")]
    pictures = [run.pop("picture") for run in runs]
    assert same(runs[0], runs[1])
    assert same(runs[0], runs[2])
    assert not same(pictures[0], pictures[1])
    assert same(pictures[1], pictures[2])
    assert f"It learns by {TERM}." in (tmp_path / "named/report.html").read_text(encoding="utf-8")


def test_labels_of_pictures_are_not_claimed_for_the_encoder(imagenet, tmp_path):
    assert pretrain([*WORDS, "--perceptual_weights_path", str(imagenet), "--output_dir", "run"]) == 0
    task = load_handover(tmp_path / "run/ae.pth", kind="autoencoder").task
    assert task.picture == TERM
    assert external_labels(task) == "none"
    assert task.perceptual is None


@pytest.mark.parametrize("flags", [["--perceptual_init", "random"], ["--pretext", "plain"]])
def test_without_imagenet_by_choice_there_is_no_such_term(flags, imagenet, tmp_path, capsys):
    cache(imagenet)
    assert pretrain([*WORDS, *flags, "--output_dir", "run"]) == 0
    assert "perceptual" not in capsys.readouterr().out
    assert "perceptual" not in load_tensors(tmp_path / "run/ae.pth")["task"].get("picture", "")


def test_images_of_other_channels_have_no_such_term(imagenet):
    cache(imagenet)
    assert picture_loss(LossConfig(), channels=3, needed=False).perceptual is not None
    assert picture_loss(LossConfig(), channels=1, needed=False).perceptual is None


def test_a_named_file_that_is_another_one_is_refused(imagenet, capsys):
    torch.save({"weight": torch.zeros(1)}, imagenet)
    words = [*WORDS, "--perceptual_weights_path", str(imagenet), "--output_dir", "run"]
    assert "is not mobilenet_v2-b0353104.pth" in refusal(pretrain, words, capsys)


def test_a_resumed_run_keeps_its_terms_and_goes_on_without_what_is_gone(imagenet, tmp_path, capsys):
    words, kept = [*WORDS, "--output_dir"], cache(imagenet)
    assert pretrain([*words, "whole"]) == 0
    with power_cut(after=1):
        pretrain([*words, "stopped"])
    assert pretrain([*words[:-1], "--resume", "--output_dir", "stopped"]) == 0
    assert same(state(tmp_path / "whole"), state(tmp_path / "stopped"))
    with power_cut(after=1):
        pretrain([*words, "gone"])
    kept.rename(tmp_path / "elsewhere.pth")
    assert pretrain([*words[:-1], "--resume", "--output_dir", "gone"]) == 0
    assert "go on without their perceptual term" in capsys.readouterr().err
    with power_cut(after=1):
        pretrain([*words, "came"])
    (tmp_path / "elsewhere.pth").rename(kept)
    assert pretrain([*words[:-1], "--resume", "--output_dir", "came"]) == 0
    assert load_handover(tmp_path / "came/ae.pth", kind="autoencoder").task.picture == "MSE + SSIM"
