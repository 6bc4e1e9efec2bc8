"""What a command says is a line a sentence, whatever is in a name and whatever becomes of the stream."""

import subprocess
import sys

import pytest

from common.say import aside, say, shown

CODE = """
import sys
from common.cli import command
from common.say import note, say

@command()
def main(argv):
    note("Straße \\udcff")
    say("Straße \\udcff")

sys.exit(main())
"""


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("a\nerror: all is well\nb.png", r"a\nerror: all is well\nb.png"),
        ("\x1b]0;title\x07.png", r"\x1b]0;title\x07.png"),
        ("a\r\t\x7f\x9b31m\u2028\u202eb", r"a\r\t\x7f\x9b31m\u2028\u202eb"),
        ("caf\udce9.png", r"caf\udce9.png"),
        ("Straße 写真\u3000é\xa0ok.png", "Straße 写真\u3000é\xa0ok.png"),
    ],
    ids=["newline", "escape", "controls", "bytes", "letters"],
)
def test_a_name_stays_on_its_line_and_steers_no_terminal(name, line, capsys):
    assert shown(name) == line
    say(name)
    aside(name)
    assert capsys.readouterr() == (f"{line}\n", f"{line}\n")


def run(streams: str, **variables: str) -> tuple[int, bytes, bytes]:
    words = ["sh", "-c", f'exec "$0" -c "$1" {streams}', sys.executable, CODE]
    done = subprocess.run(words, capture_output=True, env={"PYTHONPATH": ":".join(sys.path), **variables}, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("streams", "variables", "answer"),
    [
        ("", {"PYTHONIOENCODING": "ascii"}, (0, rb"Stra\xdfe \udcff" + b"\n", rb"note: Stra\xdfe \udcff" + b"\n")),
        ("2>&-", {}, (0, "Straße \\udcff\n".encode(), b"")),
        (">&- 2>&-", {}, (0, b"", b"")),
        ("2>/dev/full", {}, (0, "Straße \\udcff\n".encode(), b"")),
        (
            ">/dev/full",
            {},
            (2, b"", "note: Straße \\udcff\nerror: the disk is full (while writing): free some space\n".encode()),
        ),
    ],
    ids=["ascii", "no stderr", "no streams", "stderr full", "stdout full"],
)
def test_streams_that_take_less_change_no_exit_code(streams, variables, answer):
    assert run(streams, **{"PYTHONUTF8": "1", **variables}) == answer
