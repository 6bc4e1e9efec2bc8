"""Ranks that disagree, and ranks that are lost: one sentence, an exit code, and a run that goes on."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
from datasets import write_images_masks
from run_checks import refusal
from several import LONGEST, ended, start, start_ranks
from tiny import PRETRAIN, SYNTHETIC, TRANSFER

from pretrain.main import main as pretrain
from transfer.main import main as transfer

WORDS = [*TRANSFER, *SYNTHETIC, "--devices", "2", "--output_dir", "run"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--devices", "3"], "--batch_size 8 can't be shared equally by 3 processes: give --batch_size 9"),
        (["--devices", "0"], "--devices is '0': it is auto, or a whole number from 1"),
        (["--devices", "2", "--compile"], "--compile is for one process"),
        (["--devices", "2", "--folds", "3"], "add --fold 1"),
    ],
)
def test_settings_for_one_process_are_refused_before_any_work(words, said, capfd):
    assert said in refusal(transfer, [*TRANSFER, *SYNTHETIC, *words, "--output_dir", "run"], capfd)


@pytest.mark.slow
def test_ranks_with_other_flags_end_with_one_sentence(tmp_path):
    lines = [[*WORDS, "--lr", "1"], [*WORDS, "--lr", "2"]]
    codes, errors = ended(start_ranks("transfer.main", lines, [tmp_path, tmp_path]))
    assert codes == [2, 2]
    assert errors == ["error: --lr is 1.0 for rank 0 and 2.0 for rank 1: start all with the same flags"]


@pytest.mark.slow
def test_ranks_with_other_images_end_with_one_sentence(tmp_path):
    for number in (0, 1):
        write_images_masks(tmp_path / str(number) / "data", 12 + number)
    words = [*TRANSFER, "--devices", "2", "--data_dir", "data", "--output_dir", "run"]
    codes, errors = ended(start_ranks("transfer.main", [words, words], [tmp_path / "0", tmp_path / "1"]))
    assert codes == [2, 2]
    assert len(errors) == 1
    assert errors[0].startswith("error: rank 1 has other images than rank 0 (")


@pytest.mark.slow
def test_a_folder_that_is_refused_is_refused_once(tmp_path, capfd):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/thesis.txt").write_text("mine")
    assert "thesis.txt" in refusal(transfer, WORDS, capfd)


def killed(folder: Path, words, seconds: float, which: int) -> tuple[int, list[str], float]:
    """Kill the process `which` of a training's two, so many seconds after they began; -1 is the one that watches.

    Returns its exit code, its errors, and how long all took to end.
    """
    watcher = start("transfer.main", words, folder)
    ranks = _ranks_of(watcher)
    time.sleep(seconds)
    os.kill([*ranks, watcher.pid][which], signal.SIGKILL)
    began = time.monotonic()
    [code], errors = ended([watcher])
    while any(Path(f"/proc/{rank}").exists() for rank in ranks):
        assert time.monotonic() - began < LONGEST
        time.sleep(0.05)
    return code, errors, time.monotonic() - began


def _ranks_of(watcher: subprocess.Popen[str]) -> list[int]:
    """The two processes that train, once both are there: a busy machine takes long to begin."""
    children = Path(f"/proc/{watcher.pid}/task/{watcher.pid}/children")
    began = time.monotonic()
    while len(ranks := children.read_text().split()) < 2:
        assert time.monotonic() - began < LONGEST
        time.sleep(0.05)
    return list(map(int, ranks))


def begun(folder: Path, words) -> list[str]:
    """The command that goes on with a run, or begins it."""
    return ["--resume", *words[-2:]] if (folder / "run/config.yaml").exists() else words


@pytest.mark.parametrize(
    "which", [pytest.param(0, marks=pytest.mark.slow), 1, pytest.param(-1, marks=pytest.mark.slow)]
)
def test_where_one_process_is_killed_all_end(which, tmp_path):
    code, errors, _ = killed(tmp_path, [*WORDS[:-2], "--epochs", "1000", *WORDS[-2:]], 8, which)
    assert code == (-9 if which < 0 else 1)
    assert len(errors) == (which >= 0)
    assert all(f"rank {which} of 2 was lost" in error and "--resume --output_dir run" in error for error in errors)


@pytest.mark.slow
def test_an_interrupted_training_says_once_what_is_kept(tmp_path):
    watcher = start("transfer.main", [*WORDS[:-2], "--epochs", "1000", *WORDS[-2:]], tmp_path)
    time.sleep(12)
    watcher.send_signal(signal.SIGTERM)
    codes, errors = ended([watcher])
    assert codes == [143]
    assert errors == ["error: interrupted: finished epochs are kept in run; go on with --resume --output_dir run"]


@pytest.mark.slow
def test_a_run_with_a_killed_rank_ends_within_a_minute_and_goes_on(tmp_path):
    draw = random.Random(0)
    words = [*WORDS[:-2], "--epochs", "300", *WORDS[-2:]]  # more than all ten attempts take
    for _ in range(10):
        code, errors, took = killed(tmp_path, begun(tmp_path, words), draw.uniform(3, 14), draw.randrange(2))
        assert code == 1
        assert len(errors) == 1
        assert took < LONGEST
    assert transfer([*begun(tmp_path, words), "--devices", "1"]) == 0
    assert (tmp_path / "run/metrics.json").exists()


@pytest.mark.slow
def test_a_diverged_training_says_so_once_and_exits_with_2(capfd, tmp_path):
    words = [*PRETRAIN, *SYNTHETIC, "--devices", "2", "--lr", "1e12", "--optimizer", "sgd", "--output_dir", "run"]
    assert pretrain(words) == 2
    errors = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert "--clip_norm 1" in errors[0]
