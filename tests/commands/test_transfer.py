"""`transfer.main`: what a run of phase 2 leaves, what it learns from, and what it warns of."""

import csv
import json

import numpy as np
from datasets import photo, write_images_masks, write_tree
from run_checks import RECORDS, metrics, same, weights
from tiny import SYNTHETIC, TRANSFER

from common.tensor_files import load_tensors
from transfer.evaluate.__main__ import main as evaluate
from transfer.main import main as transfer


def test_phase_2_leaves_everything_that_a_run_promises(seg):
    assert {path.name for path in seg.iterdir()} >= {*RECORDS, "receipt.json", "report.html", "worst.csv"}
    assert {path.name for path in (seg / "figures").iterdir()} == {
        "segmentations_test.png", "confusion_test.png", "quality_test.png", "curves.png",
        "activation_maps.png", "features_before.png", "features_after.png",
    }  # fmt: skip
    scores = metrics(seg)["test"]
    assert scores.keys() >= {"mean_iou", "pixel_accuracy", "mean_foreground_dice", "per_class", "image_mean"}
    assert list(scores["per_class"]) == ["background", "cat", "dog"]
    assert scores["per_class"]["cat"].keys() == {"iou", "dice", "precision", "recall"}
    receipt = json.loads((seg / "receipt.json").read_text())
    assert receipt["loaded"] == receipt["tensors"] > 0
    assert receipt["frozen_epochs"] == 1
    assert receipt["uses_imagenet_labels"] is receipt["uses_labels"] is False


def test_images_are_scored_where_they_are_not_ignored_and_nowhere_else(seg):
    scores = metrics(seg)["test"]["per_class"]
    for values in scores.values():
        if values["iou"] is not None:
            np.testing.assert_allclose(values["dice"], 2 * values["iou"] / (1 + values["iou"]))


def test_equal_seeds_give_equal_bits_and_other_seeds_other_weights(tmp_path):
    for name, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        assert transfer([*TRANSFER, *SYNTHETIC, "--epochs", "1", "--seed", seed, "--output_dir", name]) == 0
    assert same(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert not same(weights(tmp_path / "a")["model"], weights(tmp_path / "c")["model"])


def test_a_frozen_encoder_is_bit_identical_after_an_epoch(ae, tmp_path):
    words = ["--pretrained_encoder", str(ae / "ae.pth"), "--freeze_epochs", "2", "--output_dir", "frozen"]
    assert transfer([*TRANSFER, *SYNTHETIC, *words]) == 0
    before = load_tensors(ae / "ae.pth")["sections"]["encoder"]
    assert same(before, load_tensors(tmp_path / "frozen/best.pth")["sections"]["encoder"])
    assert transfer([*TRANSFER, *SYNTHETIC, *words[:2], "--freeze_epochs", "0", "--output_dir", "tuned"]) == 0
    assert not same(before, load_tensors(tmp_path / "tuned/best.pth")["sections"]["encoder"])


def test_like_takes_the_network_of_a_pretraining_and_none_of_its_weights(ae, tmp_path, capsys):
    wide = ["--widths", *["8", "8", "8", "8", "8", "8"], "--epochs", "1"]
    for name, flag in (("like", "--like"), ("again", "--like"), ("own", "--pretrained_encoder")):
        assert transfer([*TRANSFER, *SYNTHETIC, *wide, flag, str(ae), "--output_dir", name]) == 0
    like, again, own = (load_tensors(tmp_path / name / "best.pth") for name in ("like", "again", "own"))
    assert like["architecture"]["encoder"] == own["architecture"]["encoder"]
    assert same(like["sections"], again["sections"])
    receipt = json.loads((tmp_path / "like/receipt.json").read_text())
    assert receipt["loaded"] == 0
    assert receipt["lr_factor"] == 1
    assert transfer([*TRANSFER, *SYNTHETIC, "--like", str(ae), "--encoder", "unet", "--output_dir", "both"]) == 2
    assert "--like names an encoder, too" in capsys.readouterr().err


def test_the_alarm_rings_when_a_class_is_not_predicted_for_three_epochs(tmp_path, capsys):
    speck = np.zeros((64, 64), dtype=np.uint8)
    speck[30:32, 30:32] = 255
    for i in range(40):
        picture = photo(i, height=64, width=64)
        write_tree(tmp_path / "data", {f"images/{i:02}.png": picture, f"masks/{i:02}.png": speck})
    plain = [
        "--dice_weight",
        "0",
        "--no_weighted_ce",
        "--norm",
        "instance",
        "--lr",
        "0.05",
        "--epochs",
        "5",
        "--output_dir",
        "run",
    ]
    assert transfer([*TRANSFER, "--data_dir", "data", *plain]) == 0
    with (tmp_path / "run/metrics.csv").open() as file:
        taken = [float(row["val/predicted_foreground"]) for row in csv.DictReader(file)]
    assert taken[2:] == [0, 0, 0]
    assert capsys.readouterr().err.count("ALARM: no pixel was taken for foreground in the last 3 epochs") == 1
    assert metrics(tmp_path / "run")["warnings"] == [
        "too few to tell: 7 test images",
        "class foreground is never predicted",
    ]


def test_label_fractions_are_nested_and_cut_validation_too_where_asked(tmp_path, capsys):
    shares, images = {}, {}
    for fraction in ("0.2", "0.5"):
        words = ["--label_fraction", fraction, "--val_fraction", fraction, "--epochs", "1", "--epoch_updates", "1"]
        assert transfer([*TRANSFER, "--synthetic_count", "100", *words, "--output_dir", fraction]) == 0
        shares[fraction] = set(load_tensors(tmp_path / fraction / "best.pth")["provenance"]["train_images"])
        images[fraction] = metrics(tmp_path / fraction)["images"]
        kept, said = images[fraction], capsys.readouterr().err
        assert f"note: training uses {kept['train']} of 77 masks, validation {kept['val']} of " in said
        assert f" masks (--label_fraction {fraction}, --val_fraction {fraction})\n" in said
    assert shares["0.2"] < shares["0.5"]
    assert images["0.2"]["train"] < images["0.5"]["train"]
    assert images["0.2"]["val"] < images["0.5"]["val"]
    assert images["0.2"]["test"] == images["0.5"]["test"]


def test_folds_are_advised_for_a_data_set_of_few_images_and_not_for_a_share_of_many(tmp_path, capsys):
    few = ["--label_fraction", "0.1", "--epochs", "1", "--data_dir"]
    for count in (30, 60):
        write_images_masks(tmp_path / f"{count}", count)
        assert transfer([*TRANSFER, *few, f"{count}", "--output_dir", f"run_{count}"]) == 0
        said = capsys.readouterr().out
        tested = metrics(tmp_path / f"run_{count}")["images"]["test"]
        told = f"note: the test part is {tested} of {count} images; --folds 5 tests each of them once"
        assert (told in said.splitlines()) is ("--folds 5" in said) is (count == 30)
        assert evaluate(["--model_path", f"run_{count}"]) == 0
        assert ("--folds 5" in capsys.readouterr().out) is (count == 30)
