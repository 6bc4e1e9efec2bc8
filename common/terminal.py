"""Progress bars and spinners on standard error, shown on terminals only; bars may be nested."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from common.words import counted

CONSOLE = Console(stderr=True)
"""The shared console: bars of two consoles would overwrite each other."""


@contextmanager
def progress_bar(what: str, total: int, *, shown: bool = True) -> Iterator[Callable[[int], None]]:
    """Show a progress bar, unless it is not to be `shown`; yield a function that advances it by a number of items."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=CONSOLE, disable=not (shown and CONSOLE.is_terminal), transient=True) as bar:
        yield partial(bar.advance, bar.add_task(what, total=total))


def spinner(what: str) -> AbstractContextManager:
    """Return a spinner, for work of unknown length."""
    return CONSOLE.status(what)


def roughly(seconds: float) -> str:
    """Seconds in words, in the largest unit that there are two of: "40 seconds", "9 minutes", "3 hours"."""
    minutes = seconds / 60
    if minutes < 2:
        return counted(round(seconds), "second")
    return counted(round(minutes), "minute") if minutes < 120 else counted(round(minutes / 60), "hour")


def time_left(seconds: float) -> str:
    """Return seconds as minutes:seconds, or hours:minutes:seconds from one hour on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
