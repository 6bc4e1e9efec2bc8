"""Bars and words for whoever watches a terminal: on standard error, nested where work is, and silent elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

CONSOLE = Console(stderr=True)
"""The only one: bars of two consoles would write over each other."""


@contextmanager
def progress_bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar that names the work; what it gives is called with the number of things just done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=CONSOLE, disable=not CONSOLE.is_terminal, transient=True) as bar:
        yield partial(bar.advance, bar.add_task(what, total=total))


def spinner(what: str) -> AbstractContextManager:
    """A spinner, for work of unknown length."""
    return CONSOLE.status(what)


def time_left(seconds: float) -> str:
    """Seconds as people read them: minutes and seconds, with hours before them where there are some."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
