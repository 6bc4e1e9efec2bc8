"""Work that is spread over processes."""

import os
import signal
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from common.errors import LostRankError
from transfer.predict.spread import spread


def test_all_that_is_told_comes_once():
    assert sorted(spread(range, [3, 5])) == [0, 0, 1, 1, 2, 2, 3, 4]


def test_what_one_raises_is_raised_and_ends_one_that_works_on(tmp_path):
    os.mkfifo(tmp_path / "endless")
    with pytest.raises(FileNotFoundError) as raised:
        list(spread(Path.read_bytes, [tmp_path / "endless", tmp_path / "none"]))
    assert raised.value.filename == str(tmp_path / "none")
    assert "in _process" in raised.value.__notes__[0]


def test_a_process_that_is_killed_is_named_and_ends_all():
    with pytest.raises(LostRankError, match=r"process 2 of 2 was lost \(signal 9\), and the others ended"):
        list(spread(partial(map, signal.raise_signal), [[signal.SIGSTOP], [signal.SIGKILL]]))


def test_who_listens_no_longer_ends_all():
    with closing(spread(range, [10**9])) as told:
        assert next(told) == 0
