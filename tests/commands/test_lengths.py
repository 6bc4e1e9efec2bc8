"""The length of a run: in minutes, in updates, and by itself."""

import csv
import re
from pathlib import Path

import pytest
from datasets import write_images_masks
from run_checks import metrics, same, weights
from tiny import PRETRAIN, SYNTHETIC, THIN, TINY, TRANSFER

from common.engine import budget
from pretrain.main import main as pretrain
from transfer.main import main as transfer


@pytest.mark.parametrize(
    ("command", "flags"),
    [
        pytest.param(pretrain, PRETRAIN, marks=pytest.mark.slow, id="pretrain"),
        pytest.param(transfer, TRANSFER, id="transfer"),
    ],
)
def test_a_run_of_so_many_minutes_is_repeated_by_its_updates(command, flags, tmp_path, capsys):
    words = [*flags, *SYNTHETIC, "--epochs", "3", "--minutes", "0.03", "--output_dir", "run"]
    assert command(words) == 0
    said = capsys.readouterr().out
    assert re.search("length: 0.03 minutes, about [0-9,]+ updates of 8 images, 3 epochs", said)
    assert "--config run/repeat.yaml repeats its " in said
    assert command(["--config", "run/repeat.yaml", "--output_dir", "again"]) == 0
    assert same(weights(tmp_path / "run")["model"], weights(tmp_path / "again")["model"])
    assert metrics(tmp_path / "run")["best_epoch"] == metrics(tmp_path / "again")["best_epoch"]
    assert (tmp_path / "run/metrics.csv").read_text() == (tmp_path / "again/metrics.csv").read_text()


def test_a_run_without_a_length_has_one_that_fits_its_images_and_the_rate_falls_to_its_end(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(budget, "USUAL", 2)
    write_images_masks(tmp_path / "data", 10)
    assert transfer([*THIN, "--data_dir", "data", "--output_dir", "run"]) == 0
    assert "length: 9 updates of 7 images, 9 epochs, about" in capsys.readouterr().out
    with (tmp_path / "run/metrics.csv").open() as file:
        rates = [float(row["lr"]) for row in csv.DictReader(file)]
    assert len(rates) == 9
    assert rates[0] > 0.9 * 0.003
    assert rates[-1] < 0.2 * 0.003


@pytest.mark.parametrize(("flags", "validations"), [([], 2), (["--thaw_every", "1"], 6)])
def test_levels_that_thaw_by_epochs_keep_their_epochs_however_long_a_validation(
    flags, validations, ae, tmp_path, monkeypatch
):
    write_images_masks(tmp_path / "data", 20)
    monkeypatch.setattr(budget, "EPOCHS", (6, 6))
    monkeypatch.setattr(budget, "VALIDATION", 1e-9)
    words = [*TINY, "--data_dir", "data", *flags, "--pretrained_encoder", str(ae), "--minutes", "0.02"]
    assert transfer([*words, "--output_dir", "run"]) == 0
    with Path("run/metrics.csv").open() as file:
        assert len(list(csv.DictReader(file))) == validations


def test_a_run_that_would_take_hours_is_cut_to_minutes_and_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(budget, "MINUTES", 0.001)
    monkeypatch.setattr(budget, "EPOCHS", (2, 2))
    write_images_masks(tmp_path / "data", 20)
    assert transfer([*THIN, "--data_dir", "data", "--output_dir", "run"]) == 0
    said = capsys.readouterr()
    assert "length: 0.001 minutes, about 2 updates of 8 images, 2 epochs" in said.out
    assert "note: about 2 updates fit that time, and " in said.err
