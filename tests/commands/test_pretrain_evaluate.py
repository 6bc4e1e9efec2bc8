"""`pretrain.evaluate`: what an autoencoder has learnt, with and without masks."""

import csv

import pytest
from datasets import write_folder, write_oxford
from run_checks import metrics, refusal

from pretrain.evaluate.__main__ import main as look


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
