"""Ctrl-C and SIGTERM end a command in one sentence, with the code that a shell expects, and its temporary files go."""

import subprocess
import sys
from pathlib import Path

import pytest

from common.signals import keeping_epochs

START = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test may run where it is ignored
sys.argv, sys.orig_argv = ["-m"], ["python", "-m", "transfer.main"]
"""
COMMAND = (
    START
    + """
from tempfile import TemporaryDirectory
from common.cli import command
from common.signals import keeping

@command()
def main(argv):
    with keeping("interrupted: the epochs are kept"), TemporaryDirectory(prefix="unfinished-", dir=os.getcwd()):
        try:
            os.kill(os.getpid(), NUMBER)
        finally:
            for _ in range(MORE):
                os.kill(os.getpid(), NUMBER)

code = main()
os.kill(os.getpid(), NUMBER)
sys.exit(code)
"""
)
DOOR = START + "import recon2seg\nos.kill(os.getpid(), NUMBER)"
IMPORT = (
    START
    + "import importlib\nfrom common.cli import command\ncommand()(lambda argv: importlib.import_module('kills'))()"
)


def ended(code: str, folder: Path, *, number: int, more: int = 0) -> tuple[int, str]:
    (folder / "kills.py").write_text(f"import os\nos.kill(os.getpid(), {number})\n")
    words = [sys.executable, "-c", code.replace("NUMBER", str(number)).replace("MORE", str(more))]
    variables = {"PYTHONPATH": ":".join([*sys.path, str(folder)])}
    done = subprocess.run(words, capture_output=True, text=True, cwd=folder, env=variables, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("number", [2, 15])
@pytest.mark.parametrize("more", [0, 1])
def test_a_signal_unwinds_a_command_and_says_what_is_kept(number, more, tmp_path):
    said = "error: interrupted: the epochs are kept\n"
    assert ended(COMMAND, tmp_path, number=number, more=more) == (128 + number, said)
    assert not list(tmp_path.glob("unfinished-*"))


def test_the_third_signal_ends_a_command_that_does_not(tmp_path):
    assert ended(COMMAND, tmp_path, number=2, more=2) == (130, "")


@pytest.mark.parametrize("code", [DOOR, IMPORT], ids=["before a command", "in an import"])
@pytest.mark.parametrize("number", [2, 15])
def test_a_signal_before_the_work_begins_is_no_traceback(code, number, tmp_path):
    assert ended(code, tmp_path, number=number) == (128 + number, "error: interrupted\n")


def test_a_program_that_imports_the_packages_keeps_its_own_ctrl_c(tmp_path):
    own = DOOR.replace("transfer.main", "own.tool")
    code, said = ended(own, tmp_path, number=2)
    assert code != 130
    assert "KeyboardInterrupt" in said


def test_only_a_training_that_has_begun_is_said_to_go_on(tmp_path):
    for told in (
        (),
        (f"interrupted: finished epochs are kept in {tmp_path}; go on with --resume --output_dir {tmp_path}",),
    ):
        with pytest.raises(KeyboardInterrupt) as stopped, keeping_epochs(tmp_path):
            raise KeyboardInterrupt
        assert stopped.value.args == told
        (tmp_path / "config.yaml").touch()
