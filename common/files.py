"""Writing files that other processes may be reading."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name to write under, renamed afterwards: readers find all of it, or what was there before."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def replace_text(path: Path, text: str) -> None:
    """Write text, all of it or none."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
