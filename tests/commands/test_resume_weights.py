"""A pretraining goes on where its files of weights were moved, and not with others."""

import shutil
from pathlib import Path

import pytest
import torch
from run_checks import power_cut, refusal, same, weights
from timm_networks import network, saved
from tiny import PRETRAIN, SYNTHETIC, TINY
from torchvision.models import mobilenet_v2

from pretrain.main import main as pretrain

FEATURES = ["--pretext", "plain", "--target", "features", "--decoder_stride", "8"]
LIBRARY = ["--image_size", "64", "--batch_size", "8", "--device", "cpu", "--no_report", "--decoder_stride", "8"]


def of_run(path):
    for seed, name in enumerate((path, "other.pth")):
        words = [*PRETRAIN, *SYNTHETIC, "--epochs", "1", "--seed", str(seed), "--output_dir", f"first{seed}"]
        assert pretrain([*words, "--handover_path", str(name)]) == 0


def of_torchvision(path):
    for seed, name in enumerate((path, "other.pth")):
        torch.manual_seed(seed)
        torch.save(mobilenet_v2().state_dict(), name)


def of_timm(path):
    for seed, name in enumerate((path, "other.pth")):
        torch.manual_seed(seed)
        saved(network("test_vit").state_dict(), Path(name))


CASES = {
    "start_from": (of_run, TINY),
    "teacher": (of_run, [*TINY, *FEATURES]),
    "teacher_weights": (of_timm, [*TINY, *FEATURES, "--teacher", "test_vit"]),
    "perceptual_weights_path": (of_torchvision, [*TINY, "--perceptual_weight", "0.1", "--perceptual_init", "own"]),
    "encoder_weights_path": (of_torchvision, [*LIBRARY, "--encoder", "mobilenet_v2"]),
}


@pytest.mark.parametrize("flag", CASES)
def test_a_pretraining_goes_on_where_its_weights_were_moved_but_not_with_others(flag, tmp_path, capsys):
    make, words = CASES[flag]
    make(tmp_path / "mine.pth")
    words = [*words, *SYNTHETIC, "--epochs", "2", f"--{flag}", "mine.pth", "--output_dir"]
    assert pretrain([*words, "whole"]) == 0
    with power_cut(after=1):
        pretrain([*words, "run"])
    shutil.move("mine.pth", "moved.pth")
    assert "mine.pth" in refusal(pretrain, ["--resume", "--output_dir", "run"], capsys)
    again = ["--resume", "--output_dir", "run", f"--{flag}"]
    said = refusal(pretrain, [*again, "other.pth"], capsys)
    assert f"cannot resume run: --{flag} other.pth is not the file that it began with" in said
    assert pretrain([*again, "moved.pth"]) == 0
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "run"))


def test_a_run_of_before_that_kept_no_digests_keeps_its_paths(tmp_path, capsys):
    of_torchvision(tmp_path / "mine.pth")
    words = [*CASES["perceptual_weights_path"][1], *SYNTHETIC, "--epochs", "2", "--output_dir", "run"]
    with power_cut(after=1):
        pretrain([*words, "--perceptual_weights_path", "mine.pth"])
    (tmp_path / "run/weights.json").unlink()
    again = ["--resume", "--output_dir", "run", "--perceptual_weights_path", "other.pth"]
    assert "cannot resume run with other settings" in refusal(pretrain, again, capsys)
    assert pretrain(["--resume", "--output_dir", "run"]) == 0
