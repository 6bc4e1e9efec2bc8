"""Rounds of pseudo-masks: one run is as many as rounds, one after the other, and can be stopped anywhere."""

import shutil

import numpy as np
import pytest

from common.config.load import load_config
from common.errors import UserError
from common.rows import read_rows
from common.run.checkpoint import load_handover
from common.run.claim import RunFolder
from pretrain.config import PretrainConfig
from pretrain.main import main as pretrain
from pretrain.phase import Pretraining
from pretrain.record import task_words
from tests.run_checks import metrics, power_cut, same, weights
from tests.tiny import SYNTHETIC, TINY

ALONE = ["--pretext", "plain", "--mse_weight", "0", "--ssim_weight", "0", "--pseudo_mask_weight", "1"]
PLAN = ["--rotate", "15", "--optimizer", "adamw", "--lr", "0.003", "--schedule", "poly", "--clip_norm", "0.5"]
WORDS = [*TINY, *SYNTHETIC, *ALONE, *PLAN, "--save_every", "0"]
ROUNDS = ["--pseudo_mask_rounds", "2"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def train(folder, *flags):
    """A run, and its training images as they were in the end."""
    config = load_config(PretrainConfig, [*WORDS, "--output_dir", str(folder), *flags], prog="")
    with RunFolder("pretrain", config) as held:
        phase = Pretraining(config, held)
        phase.train()
        phase.hand_over()
    return load_handover(folder / "ae.pth", kind="autoencoder"), phase.data.train


@pytest.mark.parametrize(
    ("length", "more"),
    [
        (["--updates", "{0}", "--epochs", "{1}"], []),
        (["--epochs", "{1}"], ["--ema", "0.9", "--accumulate", "2", "--warmup_epochs", "0.5"]),
    ],
    ids=["updates", "epochs"],
)
def test_a_run_of_two_rounds_is_the_two_runs_of_before_to_the_last_bit(length, more, tmp_path, capsys):
    twice, once = ([word.format(*told) for word in length] for told in ((8, 4), (4, 2)))
    ours, pack = train(tmp_path / "ours", *twice, *ROUNDS, *more)
    said = capsys.readouterr().out
    first, _ = train(tmp_path / "first", *once, *more)
    again = ["--start_from", str(tmp_path / "first"), "--pseudo_mask_from", "start_from"]
    second, theirs = train(tmp_path / "second", *once, *more, *again)
    assert same(load_handover(tmp_path / "ours/round_1.pth").sections, first.sections)
    assert same(ours.sections, second.sections)
    np.testing.assert_array_equal(pack.masks, theirs.masks)
    rows = [read_rows(tmp_path / name / "metrics.csv") for name in ("ours", "first", "second")]
    assert [{**row, "epoch": 0} for row in rows[0]] == [{**row, "epoch": 0} for row in rows[1] + rows[2]]
    epoch = first.provenance.epoch
    assert f"round 2 of 2: pseudo-masks from the network of epoch {epoch}\n" in said
    assert "4 epochs in 2 rounds" in said
    assert ours.provenance.epoch == second.provenance.epoch + 2, "the best of the second round, not of all"
    assert task_words(ours.task) == "segmenting the foreground, in 2 rounds"
    assert task_words(first.task) == "segmenting the foreground"
    assert ours.task.best_as == "outlines"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of three rounds that was never stopped."""
    folder = tmp_path_factory.mktemp("rounds") / "whole"
    words = ["--epochs", "6", "--pseudo_mask_rounds", "3", "--ema", "0.5", "--output_dir", str(folder)]
    assert pretrain([*WORDS, *words]) == 0
    return folder


@pytest.mark.parametrize("after", [2, 5, 6])
def test_a_run_that_is_stopped_in_a_round_or_between_two_goes_on_bit_for_bit(after, whole, tmp_path, capsys):
    words = ["--epochs", "6", "--pseudo_mask_rounds", "3", "--ema", "0.5", "--output_dir", "parts"]
    with power_cut(after=after):
        pretrain([*WORDS, *words])
    if after == 2:  # stopped when the first network of the next round was saved, and its state was not
        with power_cut(after=3):
            pretrain(["--resume", "--output_dir", "parts"])
        shutil.move(tmp_path / "parts/last-1.pth", tmp_path / "parts/last.pth")
        assert load_handover(tmp_path / "parts/best.pth").provenance.epoch == 3
    assert pretrain(["--resume", "--no_report", "--output_dir", "parts"]) == 0
    assert same(weights(whole), weights(tmp_path / "parts"))
    assert metrics(whole) == metrics(tmp_path / "parts")
    assert (whole / "metrics.csv").read_text() == (tmp_path / "parts/metrics.csv").read_text()
    if after == 5:
        assert "round 3 of 3: pseudo-masks from the network of epoch" in capsys.readouterr().out


def test_the_page_names_the_rounds_without_a_warning_and_patience_ends_the_last_one_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(Pretraining, "score", lambda _, row: -row["epoch"])  # the first epoch of a round is its best
    flags = ["--epochs", "6", "--patience", "1", "--report", "--output_dir", "run"]
    assert pretrain([*WORDS, *ROUNDS, *flags]) == 0
    page = " ".join((tmp_path / "run/report.html").read_text().split())
    assert '<li class="note"><span dir="auto">round 2 of 2: pseudo-masks from the network of epoch 1</span>' in page
    assert len(read_rows(tmp_path / "run/metrics.csv")) == 5
    assert load_handover(tmp_path / "run/best.pth").provenance.epoch == 4


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--pseudo_mask_rounds", "2"], "give --pseudo_mask_weight 1 too"),
        ([*ALONE, *ROUNDS, "--epochs", "5"], "--epochs 5 is no multiple of --pseudo_mask_rounds 2: give --epochs 6"),
        ([*ALONE, *ROUNDS, "--updates", "5", "5", "5"], "--updates names 3 epochs, no multiple .*: give their sum"),
    ],
)
def test_rounds_that_cannot_be_are_refused(flags, said):
    with pytest.raises(UserError, match=said):
        load_config(PretrainConfig, [*TINY, "--data_dir", "x", *flags], prog="")


@pytest.mark.slow
def test_a_run_in_minutes_leaves_time_for_the_pseudo_masks_to_come(tmp_path):
    ours, _ = train(tmp_path / "run", "--minutes", "0.2", *ROUNDS)
    rows = read_rows(tmp_path / "run/metrics.csv")
    assert len(rows) % 2 == 0
    assert [row["lr"] for row in rows[: len(rows) // 2]] == sorted([row["lr"] for row in rows[: len(rows) // 2]])[::-1]
    assert ours.task.settings["pseudo_mask_rounds"] == 2
    repeated = load_config(PretrainConfig, ["--config", "run/repeat.yaml", "--data_dir", "x"], prog="")
    assert len(repeated.training.updates) == len(rows)
