"""What a command says is a line a sentence, whatever is in a name and whatever becomes of the stream."""

import shlex
import subprocess
import sys

import pytest

from common.run.next_step import command_line
from common.say import aside, note, say, say_command, shown

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


LONG = "  warning: a sentence of words-with-hyphens and of a/path/that/is/longer/than/the/whole/line/of/forty goes on"


def test_a_line_that_is_wider_than_the_terminal_goes_on_below_at_words(monkeypatch, capsys):
    say(LONG)
    monkeypatch.setenv("COLUMNS", "40")
    say(LONG, "short", "")
    note("n" * 30 + " " + "m" * 30)
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        LONG,
        "  warning: a sentence of",
        "    words-with-hyphens and of",
        "    a/path/that/is/longer/than/the/whole/line/of/forty",
        "    goes on",
        "short",
        "",
    ]
    assert said.err.splitlines() == ["note: " + "n" * 30, "  " + "m" * 30]


def test_a_command_that_goes_on_below_is_the_same_command_to_a_shell(monkeypatch, capsys):
    command = command_line("a.b", "RUN", "my run", data_dir="a folder of mine", widths=[8, 16, 32, 64, 128], lr=0.1)
    say_command("next: ", command)
    assert capsys.readouterr().out == f"next: {command}\n"
    for columns in (80, 50, 30):
        monkeypatch.setenv("COLUMNS", str(columns))
        say_command("next: ", command)
        lines = capsys.readouterr().out.splitlines()
        assert max(map(len, lines)) <= columns
        assert all(line.endswith(" \\") for line in lines[:-1])
        words = ["sh", "-c", "printf '%s\\n' " + "\n".join(lines).removeprefix("next: ")]
        assert subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines() == shlex.split(
            command
        )
        if columns == 50:
            assert [line.split()[0] for line in lines[1:]] == ["--data_dir", "--widths"]


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
