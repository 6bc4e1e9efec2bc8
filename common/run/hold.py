"""A folder for results before the work begins: made, tried, and held by one process. Imports no torch."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from common.errors import UserError
from common.files import remove_leftovers

LOCK = ".lock"


@contextmanager
def hold(folder: Path, flag: str = "--output_dir") -> Iterator[None]:
    """Make a folder and keep other processes out of it; one that was made here, and stayed empty, is removed again.

    Raises UserError where it can't be written, naming `flag`, and where another process holds it.
    """
    with _made(folder, flag):
        lock = FileLock(folder / LOCK, timeout=0)
        _acquire(lock, folder, flag)
        try:
            remove_leftovers(folder)
            yield
        finally:
            with suppress(OSError):
                (folder / LOCK).unlink()  # while it is held, so that nobody else's is removed
            lock.release()


@contextmanager
def tried(path: Path, flag: str) -> Iterator[None]:
    """See to it that a file can be written later. Raises UserError, naming `flag`, where it can't."""
    if path.is_dir():
        raise UserError(f"{flag} {path} is a folder: give the name of a file")
    with _made(path.parent, flag):
        trial = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            trial.touch()
            trial.unlink()
        except OSError as error:
            raise _unwritable(path, flag, error) from None
        yield


@contextmanager
def _made(folder: Path, flag: str) -> Iterator[None]:
    """Make a folder with its parents; in the end those that were not there, and are empty, are removed."""
    missing = [parent for parent in (folder, *folder.parents) if not os.path.lexists(parent)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UserError(f"{flag} {folder} cannot be a folder: a file is in the way") from None
    except OSError as error:
        raise _unwritable(folder, flag, error) from None
    try:
        yield
    finally:
        for parent in missing:
            with suppress(OSError):
                parent.rmdir()


def _acquire(lock: FileLock, folder: Path, flag: str) -> None:
    try:
        lock.acquire()
        (folder / LOCK).write_text(f"process {os.getpid()} on {platform.node()}")
    except Timeout:
        raise UserError(f"{folder} is in use by {_holder(folder)}: wait for it, or give another {flag}") from None
    except OSError as error:
        raise _unwritable(folder, flag, error) from None


def _holder(folder: Path) -> str:
    with suppress(OSError):
        return (folder / LOCK).read_text() or "another process"
    return "another process"


def _unwritable(path: Path, flag: str, error: OSError) -> UserError:
    return UserError(f"cannot write to {path} ({error.strerror or error}): give another {flag}")
