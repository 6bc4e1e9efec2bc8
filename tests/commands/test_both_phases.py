"""Phase 1 and phase 2 in a row."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from datasets import write_images_masks, write_oxford, write_tree
from PIL import Image
from run_checks import metrics, refusal
from tiny import PRETRAIN, SYNTHETIC, TINY, TRANSFER

from pretrain.evaluate.__main__ import main as look
from pretrain.main import main as pretrain
from transfer.evaluate.__main__ import main as evaluate
from transfer.main import main as transfer
from transfer.predict.__main__ import main as predict


def test_the_two_plain_commands_follow_each_other(tmp_path, capsys):
    small = [*TINY, "--epochs", "1", *SYNTHETIC]
    assert pretrain(small) == 0
    assert (tmp_path / "ae.pth").exists()
    assert transfer([*small, "--pretrained_encoder", "ae.pth"]) == 0
    said = capsys.readouterr()
    assert "encoder: ae.pth" in said.out
    assert said.err.count("no --data_dir: using the embedded data") == 2
    assert {path.name.split("-")[0] for path in (tmp_path / "runs").iterdir()} == {"pretrain", "transfer"}


def test_the_file_of_a_pretraining_says_what_phase_2_takes_of_it(tmp_path, capsys):
    write_images_masks(tmp_path / "data", 30)
    alone = ["--pretext", "plain", "--mse_weight", "0", "--ssim_weight", "0", "--pseudo_mask_weight", "1"]
    assert pretrain([*PRETRAIN, *SYNTHETIC, *alone, "--epochs", "1", "--output_dir", "ae"]) == 0
    step = next(line for line in capsys.readouterr().out.splitlines() if "transfer.main" in line)
    assert "--transfer" not in step
    words = [*TINY, "--data_dir", "data", "--pretrained_encoder", "ae", "--epochs", "1"]
    assert transfer([*words, "--output_dir", "seg"]) == 0
    assert "(--transfer auto: outlines): " in " ".join(capsys.readouterr().out.split())
    assert json.loads(Path("seg/receipt.json").read_text())["transfer"] == "outlines"


def test_every_figure_is_a_picture_with_something_on_it(ae, seg):
    figures = [*(ae / "figures").iterdir(), *(seg / "figures").iterdir()]
    assert len(figures) >= 6
    for path in figures:
        picture = cv2.imread(str(path))
        assert picture is not None, path
        assert picture.std() > 5, path


def test_training_takes_the_flags_of_system_a_as_typed_there(tmp_path):
    write_oxford(tmp_path / "pets")
    shared = "--data_dir pets --batch_size 8 --epochs 1 --lr 0.001 --weight_decay 1e-5 --amp --num_workers 1"
    shared = [*shared.split(), "--save_every", "1", "--patience", "15", "--device", "cpu", "--no_report", *TINY[:9]]
    loss = ["--mse_weight", "1.0", "--perceptual_weight", "0", "--ssim_weight", "0.1", "--output_dir", "one"]
    assert pretrain([*shared, *loss]) == 0
    assert (tmp_path / "one" / "epoch_0001.pth").exists()
    loss = [
        "--pretrained_encoder",
        "one/ae.pth",
        "--dice_weight",
        "1.0",
        "--ce_weight",
        "1.0",
        "--weighted_ce",
        "--output_dir",
        "two",
    ]
    assert transfer([*shared, *loss]) == 0


def test_a_leak_from_pretraining_into_test_images_is_said_aloud(tmp_path, capsys):
    write_oxford(tmp_path / "pets")
    shutil.copytree(tmp_path / "pets/images", tmp_path / "photos")
    assert pretrain([*PRETRAIN, "--data_dir", "photos", "--epochs", "1", "--output_dir", "run"]) == 0
    capsys.readouterr()
    words = ["--data_dir", "pets", "--pretrained_encoder", "run", "--epochs", "1", "--output_dir", "seg"]
    assert transfer([*TRANSFER, *words]) == 0
    assert "LEAK" in capsys.readouterr().err
    assert evaluate(["--model_path", "seg/best.pth", "--visualize_samples", "0"]) == 0
    assert "LEAK" in (tmp_path / "seg/evaluation-test/report.html").read_text()


@pytest.mark.parametrize("channels", [pytest.param(1, marks=pytest.mark.slow), pytest.param(4, marks=pytest.mark.slow)])
def test_images_of_other_channels_go_through_both_phases_and_come_out_as_masks(channels, tmp_path, capsys):
    rows = np.random.default_rng(0).integers(0, 256, (90, 30, 40, channels), dtype=np.uint8)
    write_tree(tmp_path, {f"photos/{i}.png": row.squeeze() for i, row in enumerate(rows)})
    write_images_masks(tmp_path / "data", 40)
    for path in (tmp_path / "data/images").iterdir():
        with Image.open(path) as image:
            image.convert("L" if channels == 1 else "RGBA").save(path.with_suffix(".png"))
        path.unlink()
    words = [*TINY, "--epochs", "1", "--channels", str(channels)]
    alone = [*words, "--perceptual_weight", "0", "--pretext", "mask", "--target", "hog", "--data_dir", "photos"]
    assert pretrain([*alone, "--report", "--output_dir", "ae"]) == 0
    assert (tmp_path / "ae/figures/neighbours_val.png").exists()
    assert look(["--model_path", "ae", "--analyze_latent_space", "--device", "cpu"]) == 0
    labelled = [*words, "--data_dir", "data", "--pretrained_encoder", "ae"]
    assert transfer([*labelled, "--output_dir", "seg"]) == 0
    assert metrics(tmp_path / "seg")["test"]["pixel_accuracy"] is not None
    assert predict(["--model_path", "seg", "--input", "data/images", "--output", "out", "--device", "cpu"]) == 0
    assert len(list((tmp_path / "out/overlays").iterdir())) == 40
    three = [*TINY, "--data_dir", "data", "--pretrained_encoder", "ae"]
    assert f"pretrained on images of {channels} channels" in refusal(transfer, three, capsys)
    with_features = [*words, "--data_dir", "photos", "--perceptual_weight", "0.1"]
    assert "--perceptual_weight 0" in refusal(pretrain, with_features, capsys)
