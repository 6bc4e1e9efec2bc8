"""`pretrain.main`: what a run of phase 1 leaves, what it learns from, and what its record says."""

import csv
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import write_folder, write_oxford, write_tree
from run_checks import RECORDS, metrics, refusal, same
from tiny import PRETRAIN, SYNTHETIC, TINY, TRANSFER
from torchvision.models import mobilenet_v2

from common.data.listing import list_images
from common.rows import read_rows
from common.tensor_files import load_tensors
from pretrain.main import main as pretrain
from transfer.main import main as transfer


def test_phase_1_leaves_everything_that_a_run_promises(ae):
    assert {path.name for path in ae.iterdir()} >= {*RECORDS, "ae.pth", "report.html"}
    assert {path.name for path in (ae / "figures").iterdir()} == {
        "reconstructions_val.png", "pretext_val.png", "reconstructions_test.png", "neighbours_val.png", "curves.png",
        "features.png",
    }  # fmt: skip
    scores = metrics(ae)
    assert scores["test"].keys() == {"better_than_mean", "mse", "psnr", "ssim", "psnr_mean_colour"}
    assert [level["stride"] for level in scores["levels"]] == [1, 2, 4, 8, 16, 32]
    assert 0 < scores["val"]["mse"] < 1
    with (ae / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[1]["train/loss"]) < float(rows[0]["train/loss"])


def test_the_handover_file_is_the_best_epoch_in_both_places(tmp_path, capsys):
    words = [*PRETRAIN, *SYNTHETIC, "--epochs", "1", "--output_dir", "run", "--handover_path", "mine.pth"]
    assert pretrain(words) == 0
    files = [load_tensors(tmp_path / name) for name in ("run/ae.pth", "run/best.pth", "mine.pth")]
    assert same(files[0], files[1])
    assert same(files[0], files[2])
    assert not (tmp_path / "ae.pth").exists()
    assert "replaced" not in capsys.readouterr().out
    assert pretrain([*words, "--overwrite"]) == 0
    assert "mine.pth (replaced the one that was there)" in capsys.readouterr().out


def test_phase_1_learns_nothing_from_test_images_and_opens_no_mask(tmp_path):
    write_oxford(tmp_path / "pets")
    for mask in (tmp_path / "pets/annotations/trimaps").iterdir():
        mask.write_bytes(b"no picture")
    assert pretrain([*PRETRAIN, "--data_dir", "pets", "--epochs", "1", "--output_dir", "run"]) == 0
    seen = load_tensors(tmp_path / "run/ae.pth")["provenance"]["train_images"]
    listed = (tmp_path / "pets/annotations/trainval.txt").read_text().splitlines()
    assert 0 < len(seen) < len(listed) == 20


@pytest.mark.slow
def test_overwrite_removes_the_run_and_nothing_else_in_its_folder(tmp_path):
    words = [*PRETRAIN, *SYNTHETIC, "--epochs", "1", "--save_every", "1", "--output_dir", "run"]
    assert pretrain(words) == 0
    (tmp_path / "run/notes.txt").write_text("mine")
    assert pretrain([*words, "--save_every", "0", "--overwrite"]) == 0
    assert (tmp_path / "run/notes.txt").read_text() == "mine"
    assert not (tmp_path / "run/epoch_0001.pth").exists()


def test_an_unreadable_image_is_named_or_skipped_and_listed(tmp_path, capsys):
    write_folder(tmp_path / "photos", 60)
    broken = tmp_path / "photos" / "photo_007.jpg"
    broken.write_bytes(broken.read_bytes()[:300])
    words = [*PRETRAIN, "--epochs", 1, "--data_dir", "photos", "--output_dir", "run"]
    said = refusal(pretrain, words, capsys)
    assert "photo_007.jpg" in said
    assert "--skip_bad_files" in said
    assert pretrain([*map(str, words), "--skip_bad_files"]) == 0
    assert "photo_007.jpg" in capsys.readouterr().err


@pytest.mark.slow
def test_a_run_among_the_photographs_is_none_of_them(ae, tmp_path):
    shutil.copytree(ae, write_folder(tmp_path / "photos", 3) / "run")
    write_tree(tmp_path / "photos/run/figures", {"curves.png": np.zeros((9, 9), np.uint8)})
    files, [passed_over] = list_images(tmp_path / "photos")
    assert len(files) == 3
    assert passed_over.endswith("run (results, and no data)")


def test_pictures_of_one_colour_end_in_a_report_that_says_so(tmp_path, capsys):
    shades = {f"{shade}.png": np.full((64, 64, 3), shade, np.uint8) for shade in range(6)}
    flags = ["--data_dir", str(write_tree(tmp_path / "plain", shades)), "--output_dir", str(tmp_path / "run")]
    assert pretrain([*PRETRAIN, *flags, "--report"]) == 0
    said = capsys.readouterr().out
    assert "warning: The task asks the same of all test images" in said
    assert "nan" not in said
    assert "better_than_mean" not in metrics(tmp_path / "run")["test"]


def test_an_encoder_that_was_taught_nothing_is_first_offered_a_longer_training(tmp_path, capsys):
    flags = ["--data_dir", str(write_folder(tmp_path / "photos", 20)), "--output_dir", str(tmp_path / "run")]
    assert pretrain([*PRETRAIN, *flags, "--epochs", "1", "--lr", "1e-9"]) == 0
    said = capsys.readouterr().out
    assert "warning: The task is not learnt yet" in said
    steps = re.findall("next: python -m (.*)", said)
    assert steps[0].startswith(f"pretrain.main --config {tmp_path / 'run/config.yaml'} --updates ")
    assert steps[1].startswith("transfer.main")


def test_off_a_terminal_progress_is_plain_lines(tmp_path):
    words = [*PRETRAIN, *SYNTHETIC, "--epochs", "1", "--output_dir", str(tmp_path / "run")]
    root = Path(__file__).resolve().parents[2]
    answer = subprocess.run(
        [sys.executable, "-m", "pretrain.main", *words], cwd=root, capture_output=True, text=True, check=True
    )
    (line,) = [line for line in answer.stderr.splitlines() if line.startswith("epoch 1/1")]
    assert all(word in line for word in (" loss ", " val ", " left"))
    assert len(line) <= 80
    assert "\x1b" not in answer.stderr


def test_the_record_of_a_run_says_what_it_was_taught_and_whose_labels_helped(tmp_path):
    words = [*PRETRAIN, *SYNTHETIC, "--epochs", "1", "--pretext", "mask", "--target", "hog", "--norm", "batch"]
    assert pretrain([*words, "--report", "--output_dir", "run"]) == 0
    assert (tmp_path / "run/figures/pretext_val.png").exists()
    task = metrics(tmp_path / "run")["task"]
    assert task["pretext"] == "mask"
    assert task["target"] == "hog"
    assert task["norm"] == "batch"
    assert task["settings"] == {"mask_ratio": 0.6, "patch_size": 8, "hidden_at": "every_level"}
    assert task["uses_imagenet_labels"] is task["uses_labels"] is False
    assert load_tensors(tmp_path / "run/ae.pth")["task"] == task


def test_side_objectives_are_learnt_beside_the_pretext_drawn_and_handed_over(tmp_path, capsys):
    words = [*TINY, *SYNTHETIC, "--epochs", "2", "--pseudo_mask_weight", "1", "--rotate", "20", "--report"]
    assert pretrain([*words, "--contrast_weight", "0.5", "--output_dir", "run"]) == 0
    for row in read_rows(tmp_path / "run/metrics.csv"):
        expected = row["train/hog"] + row["train/pseudo_mask"] + 0.5 * row["train/contrast"]
        assert row["train/loss"] == pytest.approx(expected)
    assert (tmp_path / "run/figures/pseudo_mask_val.png").exists()
    assert '"name":"foreground"' in (tmp_path / "run/report.html").read_text(encoding="utf-8")
    told = capsys.readouterr().out
    assert re.search(r"Its outlines have an IoU of 0\.\d+ with the pseudo-masks of \d+ validation image", told)
    assert " dB" not in told
    assert list(metrics(tmp_path / "run")["outlines"]) == re.findall(r"with (the pseudo-masks of .*)\.", told)
    task = metrics(tmp_path / "run")["task"]
    assert (task["saliency_weight"], task["contrast_weight"]) == (1, 0.5)
    assert task["uses_imagenet_labels"] is task["uses_labels"] is False
    words = [*TRANSFER, *SYNTHETIC, "--epochs", "1", "--pretrained_encoder", "run"]
    assert transfer([*words, "--output_dir", "seg"]) == 0


def test_a_random_perceptual_net_uses_no_labels_and_is_recorded(tmp_path):
    words = [*TINY, *SYNTHETIC, "--epochs", "1", "--perceptual_weight", "0.1", "--perceptual_init", "random"]
    assert pretrain([*words, "--output_dir", "run"]) == 0
    task = metrics(tmp_path / "run")["task"]
    assert task["perceptual"] == "mobilenet_v2 (random)"
    assert task["uses_imagenet_labels"] is False


def test_a_perceptual_net_can_have_weights_of_ones_own(tmp_path, capsys):
    torch.save(mobilenet_v2().state_dict(), tmp_path / "own.pth")
    words = [*TINY, *SYNTHETIC, "--epochs", "1", "--perceptual_weight", "0.1", "--perceptual_init", "own"]
    assert "--perceptual_weights_path" in refusal(pretrain, words, capsys)
    assert pretrain([*words, "--perceptual_weights_path", "own.pth", "--output_dir", "run"]) == 0
    task = metrics(tmp_path / "run")["task"]
    assert task["perceptual"] == "mobilenet_v2 (own)"
    assert task["uses_imagenet_labels"] is False


@pytest.mark.parametrize(
    "flags",
    [
        ["--target", "hog"],
        ["--target", "features", "--perceptual_init", "random"],
        pytest.param(["--perceptual_weight", "0.1", "--perceptual_init", "random"], marks=pytest.mark.slow),
    ],
)
def test_hidden_patches_can_be_learnt_in_mixed_precision(flags, tmp_path):
    words = [*PRETRAIN, *SYNTHETIC, "--epochs", "1", "--pretext", "mask", "--precision", "bf16", *flags]
    assert pretrain([*words, "--output_dir", "run"]) == 0
    assert 0 < metrics(tmp_path / "run")["val"]["mse"] < 1
    weights = load_tensors(tmp_path / "run/ae.pth")["sections"]["encoder"].values()
    assert {tensor.dtype for tensor in weights} == {torch.float32}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.filterwarnings("ignore")  # the compiler's own
def test_a_compiled_network_learns_the_same(tmp_path):
    words = [*PRETRAIN, *SYNTHETIC, "--epochs", "1", "--pretext", "mask", "--target", "hog"]
    assert pretrain([*words, "--output_dir", "plain"]) == 0
    assert pretrain([*words, "--compile", "--output_dir", "compiled"]) == 0
    ours, theirs = (metrics(tmp_path / name)["val"] for name in ("plain", "compiled"))
    assert ours == pytest.approx(theirs, rel=0.05)  # its dropout draws other numbers
    assert load_tensors(tmp_path / "compiled/ae.pth")["sections"].keys() == {
        "encoder",
        "decoder",
        "target_head",
        "picture",
    }


def test_the_encoder_is_the_same_bit_for_bit_without_its_picture(tmp_path, monkeypatch):
    words = [*PRETRAIN, *SYNTHETIC, "--epochs", "1", "--clip_norm", "0.5", "--ema", "0.9"]
    words += ["--pseudo_mask_weight", "0.5"]
    assert pretrain([*words, "--output_dir", "with"]) == 0
    monkeypatch.setattr("pretrain.phase.build_painter", lambda *_, **__: None)
    assert pretrain([*words, "--output_dir", "without"]) == 0
    ours, theirs = (load_tensors(tmp_path / name / "ae.pth")["sections"] for name in ("with", "without"))
    assert not same(ours.pop("picture"), theirs.pop("picture"))
    assert ours.keys() == {"encoder", "decoder", "target_head", "saliency_head"}
    assert same(ours, theirs)


def test_a_probe_has_its_own_layout_whatever_the_patterns_of_the_photographs(tmp_path):
    write_oxford(tmp_path / "pets")
    write_folder(tmp_path / "photographs/raw", 24)
    words = [*PRETRAIN, "--data_dir", "photographs", "--images", "raw/*", "--epochs", "1", "--probe_dir", "pets"]
    assert pretrain([*words, "--output_dir", "run"]) == 0
    with (tmp_path / "run/metrics.csv").open() as file:
        assert all(row["val/probe/miou"] for row in csv.DictReader(file))


def test_a_probe_can_choose_the_best_epoch_and_that_is_recorded(tmp_path):
    write_oxford(tmp_path / "pets")
    words = [*PRETRAIN, *SYNTHETIC, "--epochs", "3", "--probe_dir", "pets", "--probe_every", "2"]
    assert pretrain([*words, "--monitor", "probe/miou", "--output_dir", "run"]) == 0
    with (tmp_path / "run/metrics.csv").open() as file:
        rows = [row["val/probe/miou"] for row in csv.DictReader(file)]
    assert [bool(row) for row in rows] == [False, True, True]
    scores = metrics(tmp_path / "run")
    assert scores["best_epoch"] == 2 + (float(rows[2]) > float(rows[1]))
    assert scores["task"]["uses_labels"] is True
