"""What a command says: results on standard output, all else on standard error, a line a sentence.

On a terminal a line that is longer than it is wide goes on below, indented; words stay whole.
"""

import io
import os
import shlex
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO
from unicodedata import category

DEEPER = "  "
"""What the rest of a line is indented by."""
HELD = "\0"
"""A space at which no line is broken; what is shown holds none."""


def shown(text: object) -> str:
    r"""Text as one line; what would steer a terminal is written out, the end of a line as \n, an escape as \x1b."""
    text = str(text)
    if text.isprintable():
        return text
    return "".join(
        letter
        if letter.isprintable() or category(letter) == "Zs"  # spaces of other scripts
        else letter.encode("unicode_escape").decode()
        for letter in text
    )


class _Speaker:
    """Who speaks: of a training on several processes only rank 0, but for failures."""

    name = ""
    follows = False
    noted: set[str] | None = None
    """The notes that are not said again; None where each is said."""


def follow(name: str) -> None:
    """Leave the words to another process from now on; failures are said with the name of this one."""
    _Speaker.name, _Speaker.follows = name, True


def lead() -> None:
    """Speak."""
    _Speaker.name, _Speaker.follows = "", False


def follows() -> bool:
    """Whether another process speaks."""
    return _Speaker.follows


def failed(sentence: object) -> None:
    """Print why a command ends; with its name where it is not the process that speaks."""
    _by_any("error", sentence)


def note_of_any(sentence: object) -> None:
    """`note` of what one process alone knows; with its name where it is not the process that speaks."""
    _by_any("note", sentence)


def _by_any(kind: str, sentence: object) -> None:
    before, _Speaker.follows = _Speaker.follows, False
    aside(f"{kind}: {_Speaker.name}: {sentence}" if _Speaker.name else f"{kind}: {sentence}")
    _Speaker.follows = before


def say(*lines: object) -> None:
    """Print lines of the results."""
    for line in () if follows() else lines:
        print(fitted(shown(line), _columns(sys.stdout.fileno)))


def say_command(lead: str, command: str) -> None:
    """Print a command behind a word. What goes on below it does so for a shell too, so that it can be copied whole."""
    if not follows():
        print(fitted_command(lead, shown(command), _columns(sys.stdout.fileno)))


def aside(*lines: object) -> None:
    """Print lines on standard error. Where it can't be written, its disk full or its reader gone, a command goes on."""
    try:
        for line in () if follows() else lines:
            print(fitted(shown(line), _columns(sys.stderr.fileno)), file=sys.stderr, flush=True)
    except OSError:
        silence(sys.stderr)


def note(sentence: object) -> None:
    """Print a sentence that the user should read, on standard error."""
    noted = _Speaker.noted
    if noted is None or str(sentence) not in noted:
        aside(f"note: {sentence}")
    if noted is not None:
        noted.add(str(sentence))


@contextmanager
def notes_once() -> Iterator[None]:
    """Say each note of several trainings once."""
    _Speaker.noted = set()
    try:
        yield
    finally:
        _Speaker.noted = None


def fitted(line: str, columns: int | None) -> str:
    """A line as one or more of at most so many letters, but for a longer word; None leaves it as it is."""
    if columns is None or len(line) <= columns:
        return line
    indent = line[: len(line) - len(line.lstrip())] + DEEPER
    return "\n".join(_broken(line, max(columns, 20), indent))


def fitted_command(lead: str, command: str, columns: int | None) -> str:
    """A shell's command behind a word as `fitted`: broken before flags where it can be, behind a backslash."""
    if columns is None or len(f"{lead}{command}") <= columns:
        return f"{lead}{command}"
    width, groups = max(columns, 20) - len(" \\"), [""]
    for word in shlex.split(command):
        whole = shlex.quote(word).replace(" ", HELD)
        groups = [*groups, whole] if word.startswith("--") else [*groups[:-1], f"{groups[-1]} {whole}"]
    text = " ".join(group.replace(" ", HELD) if len(group) <= width - 4 else group for group in map(str.strip, groups))
    return " \\\n".join(_broken(f"{lead}{text}", width, 2 * DEEPER)).replace(HELD, " ")


def _broken(line: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _columns(fileno: Callable[[], int]) -> int | None:
    """The width of a terminal, or $COLUMNS where that is exported; None for files and pipes, which keep lines whole."""
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told) > 0:
        return int(told)
    try:
        return os.get_terminal_size(fileno()).columns or None
    except (OSError, ValueError):  # a file, a pipe, or no file at all
        return None


def silence(stream: IO[str]) -> None:
    """Send what a stream still holds, and all that follows, to nowhere: at its exit Python would fail once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def ready_streams() -> None:
    """Make the standard streams take every letter, and stand open: a file that is opened later would get their place.

    A letter that a stream's encoding lacks is written out, as `shown` does.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free, which is this one
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "r" if name == "stdin" else "w", encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
