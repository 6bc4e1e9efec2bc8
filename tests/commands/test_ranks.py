"""`--devices 2`: a training on two processes, which gives the figures of one."""

import re

import pytest
from datasets import write_folder
from run_checks import metrics, power_cut
from several import ended, start, start_ranks
from tiny import THIN, TINY

from common.rows import read_rows
from pretrain.main import main as pretrain
from transfer.main import main as transfer

MOST = 1e-6
"""Largest difference in float64, of losses that are written as float32.

In float32 norms and kinks enlarge rounding, as they do with another number of threads.
"""
STILL = ["--dropout", "0", "0", "0", "0", "0", "0", "--decoder_dropout", "0", "0", "0", "0", "0"]
"""Dropout is drawn by each rank for itself."""
LENGTH = ["--updates", "20", "--epochs", "4", "--batch_size", "6"]
PASSES = ["--epochs", "3", "--batch_size", "4"]
"""Of 27 images: the last batch has 3."""
DATA = ["--synthetic_count", "41", "--val_share", "0.3"]
"""More than one batch validates."""
PHASE1 = [*TINY, *DATA, *STILL, "--perceptual_weight", "0"]
PHASE2 = [*THIN, *DATA, *STILL]
POOL = ["--pool_batch_size", "4", "--pool_threshold", "0.51", "--vote", "pixel", "--unlabelled_dir", "photographs"]
SUMS = ["--focal_weight", "1", "--classes", "binary", "--bce_weight", "1"]
SIDES = ["--pretext", "denoise", "--contrast_weight", "0.1", "--jitter", "0.4", "--pseudo_mask_weight", "1"]


def differences(one, two):
    """The largest difference of each column of two runs."""
    one, two = (read_rows(folder / "metrics.csv") for folder in (one, two))
    assert len(one) == len(two) > 0
    pairs = [(name, a[name], b[name]) for a, b in zip(one, two, strict=True) for name in a if a[name] == a[name]]
    return {name: max(abs(a - b) for column, a, b in pairs if column == name) for name, *_ in pairs}


def words_of(text):
    """A text without its numbers, and the stars of best epochs."""
    return [" ".join(re.sub(r"-?[\d.:]+|\*", " ", line).split()) for line in text.splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "words"),
    [
        pytest.param("pretrain.main", [*PHASE1, *LENGTH], id="hidden patches"),
        pytest.param("pretrain.main", [*PHASE1, *LENGTH, *SIDES], id="noise, contrast and outlines"),
        pytest.param("transfer.main", [*PHASE2, *LENGTH], id="masks"),
        pytest.param("transfer.main", [*PHASE2, *LENGTH, *POOL], id="photographs"),
        pytest.param("transfer.main", [*PHASE2, *LENGTH, "--accumulate", "2"], id="accumulation"),
        pytest.param("transfer.main", [*PHASE2, *PASSES, *SUMS, "--ema", "0.9"], id="passes"),
    ],
)
def test_two_ranks_give_the_losses_and_metrics_of_one_in_float64(module, words, tmp_path):
    write_folder(tmp_path / "photographs", 12)
    alone = start(f"double {module}", [*words, "--output_dir", "one"], tmp_path)
    shared = [*words, "--devices", "2", "--output_dir", "two"]
    ranks = start_ranks(f"double {module}", [shared, shared], [tmp_path, tmp_path])
    assert ended([alone, *ranks]) == ([0, 0, 0], [])
    off = differences(tmp_path / "one", tmp_path / "two")
    assert {name: value for name, value in off.items() if value > MOST} == {}


@pytest.mark.parametrize(
    ("command", "words"),
    [
        pytest.param(pretrain, PHASE1, id="pretrain", marks=pytest.mark.slow),
        pytest.param(transfer, PHASE2, id="transfer"),
    ],
)
def test_two_ranks_begin_as_one_and_say_each_thing_once(command, words, tmp_path, capfd):
    words = [*words, "--updates", "1", "--batch_size", "6"]
    assert command([*words, "--output_dir", "run_one"]) == 0
    alone = capfd.readouterr()
    assert command([*words, "--devices", "2", "--output_dir", "run_two"]) == 0
    shared = capfd.readouterr()
    assert differences(tmp_path / "run_one", tmp_path / "run_two")["train/loss"] < 1e-5
    assert words_of(shared.out.replace("run_two", "run_one")) == words_of(alone.out)
    lines = [line for line in shared.err.splitlines() if not line.startswith("ranks: 2")]
    assert words_of("\n".join(lines)) == words_of(alone.err)
    names = [
        {path.name for path in (tmp_path / run).rglob("*") if "tfevents" not in path.name} for run in ("one", "two")
    ]
    assert names[0] == names[1]


@pytest.mark.slow
def test_without_synchronised_batchnorm_all_ranks_validate_the_network_that_is_saved(tmp_path):
    words = [*PHASE2, "--epochs", "3", "--batch_size", "4", "--devices", "2", "--no_sync_batchnorm"]
    assert transfer([*words, "--output_dir", "run"]) == 0
    told = metrics(tmp_path / "run")
    row = read_rows(tmp_path / "run/metrics.csv")[told["best_epoch"] - 1]
    assert row["val/mean_iou"] == pytest.approx(told["val"]["mean_iou"], abs=1e-6)


@pytest.mark.slow
def test_a_run_goes_on_with_another_number_of_ranks_and_says_so(tmp_path, capfd):
    words = [*PHASE2, "--updates", "4", "--epochs", "2", "--batch_size", "6", "--output_dir"]
    assert transfer([*words, "whole"]) == 0
    with power_cut(after=1):
        transfer([*words, "run"])
    capfd.readouterr()
    assert transfer(["--resume", "--output_dir", "run", "--devices", "2"]) == 0
    assert "note: the run goes on with 2 ranks in place of 1: its last bits will differ" in capfd.readouterr().err
    off = differences(tmp_path / "whole", tmp_path / "run")
    assert 0 < off["train/grad_norm"] < 0.1
    assert off["train/loss"] < 1e-3
