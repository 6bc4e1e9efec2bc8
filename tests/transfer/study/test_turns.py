"""Whose turn a trial is: a living owner keeps it, and a frozen one loses it."""

import signal
import subprocess
import sys
import time

import pytest

from transfer.study import turns
from transfer.study.turns import OvertakenError, Turn, Turns

OWNER = """
import sys, time
from pathlib import Path
from transfer.study import turns

turns.BEAT = 0.05
with turns.Turns(Path(sys.argv[1])).turn(sys.argv[2]) as turn:
    turn.folder.mkdir()
    print("began", flush=True)
    try:
        while True:
            time.sleep(0.02)
            turn.refuse_overtaken()
    except turns.OvertakenError:
        sys.exit(7)
"""
"""A process that has a trial of a folder until another one overtakes it."""


@pytest.fixture
def owner():
    """Starts such a process, which is over when the test is."""
    started = []

    def start(cells, name="a"):
        process = subprocess.Popen([sys.executable, "-c", OWNER, cells, name], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "began\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def watched(ours: Turns, seconds: float) -> Turn | None:
    """What another process gets that asks for the trial again and again, for so long at most."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with ours.turn("a") as turn:
            if turn is not None:
                turn.folder.mkdir(exist_ok=True)
                return turn
        time.sleep(0.02)
    return None


def test_an_owner_that_lives_keeps_its_trial(tmp_path, monkeypatch, owner, capsys):
    monkeypatch.setattr(turns, "SILENCE", 0.5)
    owner(tmp_path)
    assert watched(Turns(tmp_path), 1.5) is None
    assert capsys.readouterr().err == ""


def test_a_frozen_owner_is_named_and_overtaken_and_leaves_the_trial_when_it_wakes(tmp_path, monkeypatch, owner, capsys):
    monkeypatch.setattr(turns, "SILENCE", 0.5)
    frozen = owner(tmp_path)
    frozen.send_signal(signal.SIGSTOP)
    turn = watched(Turns(tmp_path), 10.0)
    assert turn is not None
    assert turn.folder == tmp_path / "a~2"
    assert f"process {frozen.pid} on " in capsys.readouterr().err
    frozen.send_signal(signal.SIGCONT)
    assert frozen.wait(10) == 7


def test_a_trial_whose_second_owner_died_is_done_where_that_one_began(tmp_path):
    (tmp_path / "a~2").mkdir()
    with Turns(tmp_path).turn("a") as turn:
        assert turn is not None
        assert turn.folder == tmp_path / "a~2"
        turn.refuse_overtaken()
        turn.next.mkdir()
        with pytest.raises(OvertakenError):
            turn.refuse_overtaken()


def test_a_trial_that_is_given_back_is_no_silent_one(tmp_path, monkeypatch):
    monkeypatch.setattr(turns, "SILENCE", 0.0)
    ours = Turns(tmp_path)
    with ours.turn("a") as turn:
        assert turn is not None
    with ours.turn("a") as turn:
        assert turn is not None
        assert turn.folder == tmp_path / "a"
