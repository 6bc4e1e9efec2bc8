import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from common.data.unfinished import DAY, remove_leftovers, unfinished_folder

HOLD = """
import sys, pathlib, time
from common.data.unfinished import unfinished_folder
with unfinished_folder(pathlib.Path(sys.argv[1])) as folder:
    (folder / "images.npy").touch()
    print("made", flush=True)
    time.sleep(60)
"""


def test_an_unfinished_folder_goes_at_the_end_and_with_an_error(tmp_path):
    with unfinished_folder(tmp_path) as folder:
        (folder / "file").touch()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(KeyError), unfinished_folder(tmp_path):
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_goes_and_what_a_live_one_writes_stays(tmp_path):
    killed = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE)
    assert killed.stdout is not None
    killed.stdout.readline()
    with unfinished_folder(tmp_path) as ours:
        remove_leftovers(tmp_path)
        assert len(list(tmp_path.glob("unfinished-*/"))) == 2
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
        remove_leftovers(tmp_path)
        assert list(tmp_path.glob("unfinished-*/")) == [ours]
    assert list(tmp_path.iterdir()) == []


def test_folders_of_version_0_2_0_have_no_lock_and_go_after_a_day(tmp_path):
    (tmp_path / "unfinished-old").mkdir()
    (tmp_path / "unfinished-new").mkdir()
    yesterday = time.time() - DAY - 60
    os.utime(tmp_path / "unfinished-old", (yesterday, yesterday))
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["unfinished-new"]


def test_a_cache_that_is_not_there_holds_nothing(tmp_path):
    shutil.rmtree(tmp_path)
    remove_leftovers(tmp_path)
