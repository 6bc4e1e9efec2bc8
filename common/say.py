"""What a command says: results on standard output, all else on standard error, a line a sentence."""

import io
import os
import sys
from typing import IO
from unicodedata import category


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


def say(*lines: object) -> None:
    """Print lines of the results."""
    for line in lines:
        print(shown(line))


def aside(*lines: object) -> None:
    """Print lines on standard error. Where it can't be written, its disk full or its reader gone, a command goes on."""
    try:
        for line in lines:
            print(shown(line), file=sys.stderr, flush=True)
    except OSError:
        silence(sys.stderr)


def note(sentence: object) -> None:
    """Print a sentence that the user should read, on standard error."""
    aside(f"note: {sentence}")


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
