"""Work that is done once, however many processes are at it and however often they are interrupted."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout


@contextmanager
def once(run: Path, proof: str) -> Iterator[bool]:
    """Whether the work of a folder is still to be done: not if its last file is there, or another process is at it."""
    run.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(run.with_name(f".{run.name}.lock"), timeout=0):
            yield not (run / proof).exists()
    except Timeout:
        yield False


def succeed(command: Callable[[list[str]], int], words: Sequence[Any]) -> None:
    """Call a command of the project; end the benchmark where it fails."""
    if command([str(word) for word in words]) != 0:
        raise SystemExit(f"failed: {' '.join(map(str, words))}")
