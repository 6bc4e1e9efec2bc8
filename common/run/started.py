"""When the command of this process began."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

_BEGUN: list[float] = []
"""Of the commands that run, the outermost first: one may call another."""


@contextmanager
def beginning() -> Iterator[None]:
    """Inside the context a command runs, which begins now."""
    _BEGUN.append(time.time())
    try:
        yield
    finally:
        _BEGUN.pop()


def started() -> str:
    """When the outermost command began, with the time zone; without a command this moment."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(_BEGUN[0] if _BEGUN else None))
