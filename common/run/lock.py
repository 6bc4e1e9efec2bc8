"""A lock of one process, whose file says who holds it. Imports no torch."""

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock


@contextmanager
def claimed(lock: Path) -> Iterator[None]:
    """Hold a lock, and tell `owner`. Raises filelock's Timeout at once where another process holds it."""
    with FileLock(lock, timeout=0):
        lock.write_text(f"process {os.getpid()} on {platform.node()} (since {time.strftime('%Y-%m-%d %H:%M:%S')})")
        try:
            yield
        finally:
            with suppress(OSError):
                lock.unlink()  # while it is held, so that nobody else's is removed


def owner(lock: Path) -> str:
    """Who holds a lock, in words."""
    try:
        return lock.read_text(encoding="utf-8") or "another process"
    except (OSError, UnicodeDecodeError):
        return "another process"
