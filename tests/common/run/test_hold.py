"""A folder for results: held by one process, and left as it was by one that is refused."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import UserError
from common.files import replacing
from common.run.hold import hold, tried

HOLDER = """
import sys
from pathlib import Path
from common.run.hold import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_a_second_process_is_refused_and_told_who_holds_the_folder(tmp_path):
    words = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(UserError, match=f"in use by process {process.pid} on .*--output_dir"), hold(tmp_path):
            pass
        process.kill()
    with hold(tmp_path):  # nothing of a killed process is in the way
        pass


def test_what_a_killed_process_left_of_a_file_is_removed(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for process in (gone.pid, 1):
        (tmp_path / f".ae.pth.{platform.node()}-{process}").touch()
    with hold(tmp_path):
        left = {path.name for path in tmp_path.iterdir()}
    assert left == {".lock", f".ae.pth.{platform.node()}-1"}
    with replacing(tmp_path / "ae.pth") as temporary:
        temporary.touch()
    assert (tmp_path / "ae.pth").exists()


def test_a_folder_that_was_made_and_stayed_empty_goes_with_its_parents(tmp_path):
    with hold(tmp_path / "a/b"):
        assert (tmp_path / "a/b").is_dir()
    assert not list(tmp_path.iterdir())
    with hold(tmp_path / "a/b"):
        (tmp_path / "a/b/kept").touch()
    assert [path.name for path in (tmp_path / "a/b").iterdir()] == ["kept"]


@pytest.mark.parametrize("name", ["file", "file/below", "n" * 300])
def test_a_place_that_cannot_be_a_folder_is_refused(name, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"give another --output|a file is in the way"), hold(tmp_path / name):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_that_is_written_later_is_tried_first(tmp_path):
    with tried(tmp_path / "new/ae.pth", "--handover_path"):
        (tmp_path / "new/ae.pth").touch()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["ae.pth"]
    for path in (tmp_path, tmp_path / "new/ae.pth/below", Path("/proc/none/ae.pth")):
        with pytest.raises(UserError, match="--handover_path"), tried(path, "--handover_path"):
            pass
