"""The number of threads: chosen by time, obeyed where it is given, and no part of what a training learns."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from run_checks import metrics, same, weights
from tiny import PRETRAIN, SYNTHETIC, TRANSFER

import common.engine.session as session
from common.engine.threads import best_of, candidates, settle_threads, time_threads
from common.run.history import History
from pretrain.main import main as pretrain
from transfer.main import main as transfer


@pytest.fixture(autouse=True)
def _free(monkeypatch, tmp_path):
    """As for a user who sets nothing; afterwards tests run on one thread again."""
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.chdir(tmp_path)
    yield
    torch.set_num_threads(1)


@pytest.mark.parametrize(
    ("seconds", "best"), [({1: 1.0, 2: 0.5}, 2), ({1: 1.0, 2: 0.97}, 1), ({1: 2.0, 4: 1.0, 8: 1.04}, 4), ({1: 1.0}, 1)]
)
def test_the_fastest_number_wins_and_among_equals_the_smallest(seconds, best):
    assert best_of(seconds) == best


@pytest.mark.parametrize(
    ("argv", "own", "policy"),
    [
        (["-m", "transfer.main"], {}, "passive"),
        (["-m", "transfer.main"], {"OMP_WAIT_POLICY": "active"}, "active"),
        (["my_program.py"], {}, None),
    ],
)
def test_waiting_threads_of_a_command_sleep_unless_the_user_wants_otherwise(argv, own, policy):
    code = f"import os, sys; sys.argv, sys.orig_argv = {argv[:1]}, ['python', *{argv}]; import transfer"
    code += "; print(os.environ.get('OMP_WAIT_POLICY')); sys.exit('torch' in sys.modules)"
    variables = {"PYTHONPATH": ":".join(sys.path), **own}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=variables, check=True)
    assert done.stdout.strip() == str(policy)


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt belongs to glibc")
@pytest.mark.parametrize(
    ("argv", "own", "keeps"),
    [
        (["-m", "pretrain.main"], {}, True),
        (["-m", "pretrain.main"], {"GLIBC_TUNABLES": "glibc.malloc.trim_threshold=131072"}, False),
        (["my_program.py"], {}, False),
    ],
)
def test_a_command_keeps_freed_memory_unless_the_user_wants_otherwise(argv, own, keeps):
    code = f"""
import resource, sys
sys.argv, sys.orig_argv = {argv[:1]}, ['python', *{argv}]
import pretrain
bytearray(24 << 20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    bytearray(24 << 20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    variables = {"PYTHONPATH": ":".join(sys.path), **own}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=variables, check=True)
    assert (int(done.stdout) < 6000) == keeps


def test_candidates_are_one_thread_and_numbers_of_cores():
    assert candidates()[0] == 1
    assert len(candidates()) <= 3


def test_numbers_take_turns_after_an_attempt_that_is_not_timed():
    tried = []

    def attempt():
        tried.append(torch.get_num_threads())
        time.sleep(0.2 if len(tried) <= 2 else 0.001 * tried[-1])

    seconds = time_threads(attempt, [1, 3])
    assert tried[:4] == [1, 3, 1, 3]
    assert seconds[1] < seconds[3] < 0.2


def settled(history, asked="auto", seconds=None):
    settle_threads(history, asked, measure=lambda: seconds or {1: 1.0, 2: 0.5})
    return history.threads, torch.get_num_threads()


def test_a_training_takes_the_fastest_and_a_line_says_so(capsys):
    assert settled(History()) == (2, 2)
    assert capsys.readouterr().err == "threads: 2 of 1, 2 measured, 2.0 x one\n"


def test_a_resumed_training_takes_the_number_it_began_with(capsys):
    assert settled(History(epoch=3, threads=3)) == (3, 3)
    assert settled(History(epoch=3)) == (3, 3)  # of version 0.2.0: as torch has it
    assert capsys.readouterr().err == ""


def test_a_number_of_the_user_is_obeyed_without_a_word(monkeypatch, capsys):
    torch.set_num_threads(2)
    assert settled(History(), asked="2") == (2, 2)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert settled(History()) == (2, 2)
    assert capsys.readouterr().err == ""
    assert settled(History(epoch=3, threads=3)) == (2, 2)
    assert "begun with --threads 3" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "flags"),
    [
        pytest.param(pretrain, PRETRAIN, marks=pytest.mark.slow, id="pretrain"),
        pytest.param(transfer, TRANSFER, id="transfer"),
    ],
)
def test_measuring_leaves_no_trace_in_what_is_learnt(command, flags, monkeypatch):
    words = [*flags, "--synthetic_count", "20", "--epochs", "1", "--ema", "0.9"]
    tried = []
    monkeypatch.setattr(session, "candidates", lambda: [1, 2])
    monkeypatch.setattr(session, "time_threads", lambda *given: tried.append(time_threads(*given)) or {1: 1.0, 2: 2.0})
    assert command([*words, "--output_dir", "measured"]) == 0
    assert tried
    assert command([*words, "--threads", "1", "--output_dir", "given"]) == 0
    assert len(tried) == 1
    assert same(weights(Path("measured")), weights(Path("given")))
    assert metrics(Path("measured")) == metrics(Path("given"))


def test_a_run_records_its_threads_and_goes_on_with_as_many(monkeypatch):
    def recorded():
        return json.loads(Path("run/environment.json").read_text())["threads"]

    monkeypatch.setattr(session, "time_threads", lambda *_: {1: 2.0, 2: 1.0})
    assert transfer([*TRANSFER, *SYNTHETIC, "--epochs", "1", "--output_dir", "run"]) == 0
    assert recorded() == 2
    marker = json.loads(Path("run/run.json").read_text())
    Path("run/run.json").write_text(json.dumps({**marker, "finished": False}))
    torch.set_num_threads(1)
    monkeypatch.setattr(session, "time_threads", lambda *_: {1: 1.0, 2: 2.0})
    assert transfer(["--resume", "--output_dir", "run"]) == 0
    assert recorded() == torch.get_num_threads() == 2


@pytest.mark.parametrize("asked", ["0", "-1", "all", "1.5", "100000"])
def test_no_other_number_is_taken(asked, capsys):
    assert pretrain([*PRETRAIN, "--threads", asked]) == 2
    assert "--threads" in capsys.readouterr().err
