"""Which process trains a trial: the one that holds its lock, and says so beside it."""

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from common.files import replace_text


@contextmanager
def claimed(lock: Path) -> Iterator[None]:
    """Hold a trial's lock. Raises filelock's Timeout at once where another process does."""
    with FileLock(lock, timeout=0):
        told = _told(lock)
        replace_text(told, f"process {os.getpid()} on {platform.node()} (since {time.strftime('%Y-%m-%d %H:%M:%S')})")
        try:
            yield
        finally:
            told.unlink(missing_ok=True)


def owner(lock: Path) -> str:
    """Who holds a lock, in words."""
    try:
        return _told(lock).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return "another process"


def _told(lock: Path) -> Path:
    return lock.with_suffix(".owner")
