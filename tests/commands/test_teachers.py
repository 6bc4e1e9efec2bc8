"""A pretraining on the features of a teacher, and what later pages, tables and receipts say of it."""

from pathlib import Path

import pytest
from run_checks import metrics, power_cut, same, weights
from timm_networks import network, saved
from tiny import PRETRAIN, SYNTHETIC, TINY, TRANSFER

from common.rows import read_rows
from common.run.checkpoint import load_handover
from common.run.notes import external_labels
from pretrain.main import main as pretrain
from transfer.compare.comparison import comparison_row
from transfer.compare.finished_run import read_run
from transfer.main import main as transfer
from transfer.receipt import read_receipt

FEATURES = ["--pretext", "plain", "--target", "features", "--decoder_stride", "8"]


def test_a_teacher_is_learnt_from_and_named_with_its_labels_wherever_its_student_goes(tmp_path):
    saved(network("test_vit").state_dict(), tmp_path / "vit.safetensors")
    words = [*FEATURES, "--teacher", "test_vit", "--teacher_weights", "vit.safetensors", "--lr", "0.01"]
    assert pretrain([*PRETRAIN, *SYNTHETIC, *words, "--report", "--output_dir", "ae"]) == 0
    first, last = (row["train/features"] for row in read_rows(tmp_path / "ae/metrics.csv"))
    assert last < first <= 1.05
    task = metrics(tmp_path / "ae")["task"]
    assert task["teacher"]["unknown_labels"]
    assert task["uses_imagenet_labels"] is False
    page = Path("ae/report.html").read_text(encoding="utf-8")
    assert "predicting the features of test_vit (vit.safetensors)" in page
    assert "The encoder learnt the features of a teacher: test_vit (vit.safetensors), licence unknown" in page

    assert transfer([*TRANSFER, *SYNTHETIC, "--pretrained_encoder", "ae", "--epochs", "1", "--output_dir", "seg"]) == 0
    told = "unknown (teacher test_vit (vit.safetensors), licence unknown)"
    assert external_labels(read_receipt(tmp_path / "seg/receipt.json")) == told
    assert comparison_row(read_run(tmp_path / "seg", "seg"))["labels_elsewhere"] == told

    second = [*FEATURES, "--teacher", "seg", "--output_dir", "again", "--epochs", "1"]
    assert pretrain([*TINY, *SYNTHETIC, *second]) == 0
    taught = metrics(tmp_path / "again")["task"]["teacher"]
    assert taught["earlier_masks"] == metrics(tmp_path / "seg")["images"]["train"]


@pytest.mark.parametrize("gigabytes", ["1", "0"])
def test_a_resumed_run_equals_one_that_never_stopped_with_kept_maps_and_without(gigabytes, tmp_path):
    saved(network("test_vit").state_dict(), tmp_path / "vit.pth")
    words = [*PRETRAIN, *SYNTHETIC, *FEATURES, "--teacher", "test_vit", "--teacher_weights", "vit.pth"]
    words += ["--cache_dir", "cache", "--teacher_cache", gigabytes]
    assert pretrain([*words, "--output_dir", "whole"]) == 0
    assert len(list(tmp_path.glob("cache/teachers/*/maps.npy"))) == int(gigabytes)
    with power_cut(after=1):
        pretrain([*words, "--output_dir", "parts"])
    assert pretrain(["--resume", "--output_dir", "parts"]) == 0
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


def test_by_default_maps_are_kept_from_three_passes_on_and_the_record_says_so(tmp_path):
    words = [*PRETRAIN, *SYNTHETIC, *FEATURES, "--perceptual_init", "random", "--cache_dir", "cache", "--epochs", "3"]
    for run, flags, kept in (("kept", [], 4.0), ("asked", ["--teacher_cache", "0"], 0.0)):
        assert pretrain([*words, *flags, "--output_dir", run]) == 0
        assert load_handover(tmp_path / run / "ae.pth").provenance.config["teacher_cache"] == kept
    ours, theirs = (read_rows(tmp_path / run / "metrics.csv")[-1]["train/features"] for run in ("kept", "asked"))
    assert ours != theirs
    assert ours == pytest.approx(theirs, rel=1e-4)
