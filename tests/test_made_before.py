"""What version 0.1.0 wrote still loads, and gives the same figures: packs, handover files, config.yaml, records.

`made_before/` holds eight drawn pictures, the cache of them, a run of each phase on them, and what version 0.1.0
measured of these runs.
"""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from common.config.load import load_config
from pretrain.config import PretrainConfig
from pretrain.evaluate.__main__ import main as look
from pretrain.main import main as pretrain
from transfer.compare.__main__ import main as compare
from transfer.config import TransferConfig
from transfer.evaluate.__main__ import main as evaluate
from transfer.main import main as transfer
from transfer.predict.__main__ import main as predict

MADE = Path(__file__).parent / "made_before"
EXPECTED = MADE / "expected"


@pytest.fixture(autouse=True)
def _there(tmp_path, monkeypatch):
    """Commands run beside a copy of what was made, with its cache."""
    shutil.copytree(MADE, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECON2SEG_CACHE", "cache")


def read(path: str | Path) -> dict:
    return json.loads(Path(path).read_text())


@pytest.mark.parametrize("split", ["test", "val"])
def test_a_segmentation_network_has_the_same_figures_to_the_last_bit(split):
    words = ["--model_path", "transfer", "--split", split, "--output_dir", "again", "--no_report"]
    assert evaluate([*words, *["--original_size"] * (split == "val")]) == 0
    figures = read("again/metrics.json")
    assert figures.pop("scored")["part"] == split
    assert figures.pop("calibration")["temperature"] == 1
    assert figures == read(EXPECTED / f"transfer_{split}.json")


def test_its_masks_are_the_same():
    assert predict(["--model_path", "transfer/best.pth", "--input", "data/images/6.png", "--output", "again"]) == 0
    ours, theirs = (cv2.imread(str(path), -1) for path in ("again/masks/6.png", EXPECTED / "mask_6.png"))
    np.testing.assert_array_equal(ours, theirs)


def test_packs_of_the_cache_are_taken_as_they_are():
    before = set(Path("cache").glob("*/"))
    assert evaluate(["--model_path", "transfer", "--output_dir", "again", "--no_report"]) == 0
    assert set(Path("cache").glob("*/")) == before


def test_an_autoencoder_has_the_same_figures():
    words = ["--model_path", "pretrain/ae.pth", "--data_dir", "data", "--output_dir", "again", "--no_report"]
    assert look(words) == 0
    ours, theirs = read("again/metrics.json"), read(EXPECTED / "pretrain_test.json")
    assert ours["task"] == theirs["task"]
    for name, interval in theirs["test"].items():  # processors, and channels-last maps, add in another order
        assert ours["test"][name] == pytest.approx(interval, rel=1e-5), name


def test_an_autoencoder_is_handed_over_with_all_that_it_has(capsys):
    words = ["--pretrained_encoder", "pretrain", "--transfer", "outlines", "--data_dir", "data", "--epochs", "1"]
    small = ["--image_size", "64", "--batch_size", "4", "--no_report", "--output_dir", "again"]
    assert transfer([*words, *small, "--device", "cpu"]) == 0
    now, before = read("again/receipt.json"), read("transfer/receipt.json")
    assert now["source"].startswith("pretrain/ae.pth (pretext mask)")
    assert {name: now[name] for name in before} == before | {"epochs": 1, "source": now["source"]}


def test_an_autoencoder_teaches_on():
    flags = ["--config", "pretrain/config.yaml", "--start_from", "pretrain", "--epochs", "1", "--output_dir", "again"]
    assert pretrain(flags) == 0


@pytest.mark.parametrize(("folder", "kind"), [("pretrain", PretrainConfig), ("transfer", TransferConfig)])
def test_settings_are_read(folder, kind):
    config = load_config(kind, ["--config", f"{folder}/config.yaml"], prog="")
    assert config.training.batch_size == 4
    assert str(config.run.output_dir) == folder
    assert config.data.fit == "squash"  # which was no setting then, and is no longer the default


def test_records_of_a_run_are_compared():
    shutil.copytree("transfer", "other")
    assert compare(["transfer", "other", "--output", "again", "--device", "cpu"]) == 0
    assert "0.980" in Path("again/comparison.md").read_text()
