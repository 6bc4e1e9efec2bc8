"""A folder for results before the work begins: made, tried, and held by one process. Imports no torch."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import Timeout

from common.errors import UserError
from common.files import remove_leftovers
from common.run.lock import claimed, owner

LOCK = ".lock"


@contextmanager
def hold(folder: Path, flag: str = "--output_dir") -> Iterator[None]:
    """Make a folder and keep other processes out of it; one that was made here, and stayed empty, is removed again.

    Raises UserError where it can't be written, naming `flag`, and where another process holds it.
    """
    with _made(folder, flag), ExitStack() as stack:
        try:
            stack.enter_context(claimed(folder / LOCK))
        except Timeout:
            holder = owner(folder / LOCK)
            raise UserError(f"{folder} is in use by {holder}: wait for it, or give another {flag}") from None
        except OSError as error:
            raise _unwritable(folder, flag, error) from None
        remove_leftovers(folder)
        yield


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


def _unwritable(path: Path, flag: str, error: OSError) -> UserError:
    return UserError(f"cannot write to {path} ({error.strerror or error}): give another {flag}")
