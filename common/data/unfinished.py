"""Folders of packs that are being written, and what runs that were killed have left of theirs."""

import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

PREFIX = "unfinished-"
DAY = 86400.0
"""Seconds after which a folder without a lock, as version 0.2.0 made them, counts as left."""


@contextmanager
def unfinished_folder(cache: Path) -> Iterator[Path]:
    """Make a folder in the cache that is removed at the end; it is locked, so that no other run removes it before.

    Raises OSError where it can't be made.
    """
    folder = cache / f"{PREFIX}{secrets.token_hex(8)}"
    with FileLock(_lock(folder)):
        try:
            folder.mkdir()
            yield folder
        finally:
            _remove(folder)


def remove_leftovers(cache: Path) -> None:
    """Remove the unfinished folders of runs that are no more; one that can't be removed stays."""
    for folder in cache.glob(f"{PREFIX}*/"):
        with suppress(OSError, Timeout):
            if _lock(folder).exists() or time.time() - folder.stat().st_mtime > DAY:
                with FileLock(_lock(folder), timeout=0):
                    _remove(folder)


def _lock(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    _lock(folder).unlink(missing_ok=True)
