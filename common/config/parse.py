"""One command line against a config class: tyro parses it, and what it refuses becomes one sentence of ours."""

import contextlib
import io
import os
import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import TypeVar

import tyro

from common.config.settings import Setting, settings_of
from common.errors import UserError, brief, nearest

C = TypeVar("C")

_BOX = re.compile(r"[│╭╮╰╯─]+")


def parse_flags(kind: type[C], argv: Sequence[str], base: C, prog: str) -> C:
    """Put flags over the settings of `base`. Raises UserError for a flag or a value that the class does not have."""
    framed = io.StringIO()
    try:
        with contextlib.redirect_stderr(framed), _wide_terminal():
            config, unknown = tyro.cli(
                kind,
                prog=prog,
                args=list(argv),
                default=base,
                config=(tyro.conf.OmitArgPrefixes, tyro.conf.HelptextFromCommentsOff),
                use_underscores=True,
                return_unknown_args=True,
                add_help=False,
            )
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        raise _refusal(framed.getvalue(), argv, settings_of(kind, base)) from None
    if unknown:
        raise _unknown(unknown[0], settings_of(kind, base))
    return config


def value_of(argv: Sequence[str], flag: str) -> str | None:
    """The value that a flag was given last, as the parser takes it; None without the flag, and without a value."""
    return next(iter(values_of(argv, flag)), None)


def values_of(argv: Sequence[str], flag: str) -> list[str]:
    """The words that belong to the last place at which a flag stands."""
    values: list[str] = []
    for index, word in enumerate(argv):
        name, equals, attached = word.partition("=")
        if name == flag:
            following = takewhile(lambda after: not after.startswith("--"), argv[index + 1 :])
            values = [attached] if equals else list(following)
    return values


@contextlib.contextmanager
def _wide_terminal() -> Iterator[None]:
    """Give tyro's messages 80 columns, whatever the terminal has: at five, it never ends."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "80"
    try:
        yield
    finally:
        os.environ.pop("COLUMNS") if before is None else os.environ.update(COLUMNS=before)


def _unknown(word: str, settings: Sequence[Setting]) -> UserError:
    if not word.startswith("-"):
        return UserError(f"unexpected word {word!r}: no flag before it takes it")
    return UserError(f"unknown flag {word}{nearest(word, [f'--{s.name}' for s in settings if not s.positional])}")


def _refusal(message: str, argv: Sequence[str], settings: Sequence[Setting]) -> UserError:
    """Say what is wrong with the value of the flag that tyro's message names first."""
    named = re.findall(r"--(\w+)", message)
    setting = next((setting for name in named for setting in settings if setting.name == name), None)
    if setting is None:
        return UserError(" ".join(_BOX.sub(" ", message).split()))
    values = values_of(argv, f"--{setting.name}")
    if not values:
        return UserError(f"--{setting.name} needs a value: {setting.takes}")
    hint = nearest(values[0], setting.choices) if setting.choices else ""
    return UserError(f"--{setting.name} is {brief(' '.join(values))}: it takes {setting.takes}{hint}")
