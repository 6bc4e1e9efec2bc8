"""`pretrain.evaluate`: what an autoencoder has learnt, with and without masks."""

import csv
import shutil
from pathlib import Path

import pytest
from datasets import write_folder, write_images_masks, write_oxford
from run_checks import metrics, refusal
from tiny import PRETRAIN

from pretrain.evaluate.__main__ import main as look
from pretrain.main import main as pretrain


def test_looking_at_an_autoencoder_gives_figures_intervals_and_levels(ae, tmp_path, capsys):
    words = ["--model_path", ae, "--output_dir", tmp_path / "out", "--split", "train", "--visualize_samples", "2"]
    assert look([*map(str, words), "--analyze_latent_space"]) == 0
    assert {path.name for path in (tmp_path / "out/figures").iterdir()} == {
        "worst.png", "best.png", "latents.png", "neighbours.png", "features.png"
    }  # fmt: skip
    found = metrics(tmp_path / "out")
    for name in ("better_than_mean", "mse", "psnr", "ssim", "psnr_mean_colour"):
        assert found["train"][name]["low"] <= found["train"][name]["mean"] <= found["train"][name]["high"]
    assert [level["stride"] for level in found["levels"]] == [1, 2, 4, 8, 16, 32]
    assert all(0 <= level["probe_miou"] <= 1 and level["rank"] > 0 for level in found["levels"])
    assert 0 <= found["latents"]["knn_accuracy"] <= 1
    with (tmp_path / "out/images.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == found["images"]
    assert sum(float(row["psnr"]) for row in rows) / len(rows) == pytest.approx(found["train"]["psnr"]["mean"])
    said = capsys.readouterr().out
    assert "5-NN accuracy" in said
    assert "; naming the commonest class everywhere 0." in said
    assert said.splitlines()[-1].startswith("next: python -m transfer.main --pretrained_encoder ")


def test_looking_repeats_the_test_figures_of_the_run(ae, tmp_path):
    assert look(["--model_path", str(ae / "ae.pth"), "--output_dir", str(tmp_path / "out")]) == 0
    found = metrics(tmp_path / "out")["test"]
    assert {name: value["mean"] for name, value in found.items()} == metrics(ae)["test"]


def test_looking_at_photographs_without_masks_leaves_out_what_needs_them(ae, tmp_path):
    write_folder(tmp_path / "photos", 100)
    words = ["--model_path", ae, "--data_dir", "photos", "--split", "train", "--output_dir", "out"]
    assert look([*map(str, words), "--analyze_latent_space"]) == 0
    found = metrics(tmp_path / "out")
    assert "latents" not in found
    assert all(level["probe_miou"] is None for level in found["levels"])
    assert (tmp_path / "out/figures/latents.png").exists()


def test_looking_at_images_of_one_class_has_no_silhouette(ae, tmp_path):
    listed = write_oxford(tmp_path / "pets") / "annotations/test.txt"
    listed.write_text(listed.read_text().replace(" 1 2 1", " 1 1 1"))  # cats alone
    words = ["--model_path", ae, "--data_dir", "pets", "--output_dir", "out"]
    assert look([*map(str, words), "--analyze_latent_space"]) == 0
    found = metrics(tmp_path / "out")["latents"]
    assert found["silhouette"] is None
    assert found["knn_accuracy"] == found["largest_class"] == 1


def test_too_few_images_for_latents_are_refused_before_anything_is_written(ae, tmp_path, capsys):
    write_oxford(tmp_path / "pets", test=2)
    words = ["--model_path", ae, "--data_dir", "pets", "--output_dir", "out", "--analyze_latent_space"]
    assert "at least 3 images" in refusal(look, words, capsys)


def test_classes_of_other_masks_are_named_at_the_evaluation(ae, tmp_path, capsys):
    write_images_masks(tmp_path / "data", 40, foreground=7)
    shutil.copy(ae / "ae.pth", "ae.pth")
    words = ["--model_path", "ae.pth", "--data_dir", "data", "--split", "train", "--no_report"]
    words += ["--analyze_latent_space"]
    assert "for --classes" in refusal(look, words, capsys)
    Path("classes.yaml").write_text("names: [ground, thing]\nvalues: {0: 0, 7: 1}")
    assert look([*words, "--classes", "classes.yaml"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert "transfer.main --data_dir data" in last
    assert "--classes classes.yaml" in last
    told = metrics(tmp_path / "evaluation-data-train")["scored"]
    assert told == {"data": str(tmp_path / "data"), "part": "train"}
    write_folder(tmp_path / "elsewhere/data", 20)
    words = ["--model_path", "ae.pth", "--data_dir", "elsewhere/data", "--split", "train"]
    assert f"holds the scores of {tmp_path / 'data'}: name another" in refusal(look, words, capsys)


def test_masks_that_nobody_asked_for_stop_no_evaluation(tmp_path, capsys):
    write_images_masks(tmp_path / "data", 20, foreground=7)
    words = [*PRETRAIN, "--data_dir", "data", "--pseudo_mask_weight", "1", "--pseudo_mask_size", "32"]
    assert pretrain([*words, "--output_dir", "ae"]) == 0
    assert look(["--model_path", "ae", "--no_report"]) == 0
    said = " ".join("".join(capsys.readouterr()).split())
    assert "note: outlines are not compared with masks: the mask " in said
    assert "outlines, IoU" not in said
