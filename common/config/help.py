"""What `--help` and `--help_all` print.

tyro's own page has no short form, calls an optional path `{None}|PATH`, and never ends on a terminal of five columns.
"""

import inspect
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from common.config.settings import Setting, settings_of

LEAST_WIDTH, MOST_WIDTH = 40, 100
COLUMN = 28
"""Where help begins, beside the flags; on a terminal below 60 columns it stands under them."""

SWITCHES = "Defaults stand in brackets. --NAME turns a switch on, --no_NAME off. A file's keys are the flags' names."


def short_help(kind: type, base: Any, prog: str) -> str:
    """One screen: what a command does, examples, and the settings that its class names as `COMMON`."""
    settings = {setting.name: setting for setting in settings_of(kind, base)}
    names = getattr(kind, "COMMON", tuple(settings))
    lines = [*_title(kind, prog), "", "examples:"]
    for example in getattr(kind, "EXAMPLES", ()):
        lines += _command(example)
    lines += ["", "settings:" if len(names) == len(settings) else "most used settings:"]
    lines += _table([settings[name] for name in names])
    if len(names) < len(settings):
        lines += ["", *_entry("--help_all", f"All {len(settings)} settings.")]
    return "\n".join(lines)


def full_help(kind: type, base: Any, prog: str) -> str:
    """Every setting, by groups."""
    lines = [*_title(kind, prog), "", *_wrapped(SWITCHES)]
    for name, group in groupby(settings_of(kind, base), lambda setting: setting.group):
        lines += ["", *_wrapped(f"{name}: {_summary(type(getattr(base, name)))}"), *_table(list(group))]
    return "\n".join(lines)


def _command(words: str) -> Iterator[str]:
    """A command as a shell takes it, broken where it is too long."""
    *begun, last = textwrap.wrap(words, _width() - 6, break_long_words=False, break_on_hyphens=False)
    for line, indent in zip([*(f"{line} \\" for line in begun), last], ["  ", *["      "] * len(begun)], strict=True):
        yield indent + line


def _title(kind: type, prog: str) -> Iterator[str]:
    words = "".join(f" {setting.metavar}" for setting in settings_of(kind, kind()) if setting.positional)
    yield f"usage: {prog}{words} [--SETTING VALUE ...]"
    yield ""
    yield from _wrapped(_summary(kind))


def _summary(kind: type) -> str:
    """The first paragraph of a class's docstring, on one line."""
    return " ".join((inspect.getdoc(kind) or "").partition("\n\n")[0].split())


def _table(settings: Sequence[Setting]) -> Iterator[str]:
    for setting in settings:
        yield from _entry(setting.flag, f"{setting.help}{_default(setting.default)}")


def _entry(flag: str, words: str) -> Iterator[str]:
    """A flag with its help beside it, or under it where the flag or the terminal leaves no room."""
    column = COLUMN if _width() >= 60 else 6
    beside = textwrap.wrap(words, _width() - column, break_long_words=False, break_on_hyphens=False)
    if len(flag) + 4 > column:
        yield f"  {flag}"
    else:
        yield f"  {flag}".ljust(column) + beside.pop(0)
    yield from (" " * column + line for line in beside)


def _default(value: Any) -> str:
    if value is None or value is False or value == ():
        return ""
    return f" [{'on' if value is True else _plain(value)}]"


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(map(_plain, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _wrapped(words: str) -> list[str]:
    return textwrap.wrap(words, _width(), break_long_words=False, break_on_hyphens=False)


def _width() -> int:
    return min(max(shutil.get_terminal_size().columns, LEAST_WIDTH), MOST_WIDTH)
