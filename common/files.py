"""Atomic writing of files, and the cache folder."""

import glob
import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common.errors import UserError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path that replaces `path` afterwards: readers see the old file or the complete new one.

    What a process that was killed left in its place is removed.
    """
    remove_leftovers(path.parent, path.name)
    temporary = path.with_name(f".{path.name}.{platform.node()}-{os.getpid()}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path, name: str | None = None) -> None:
    """Remove what killed processes of this machine left of a file, or of all files, that `replacing` was to write."""
    which = f".{'*' if name is None else glob.escape(name)}.{glob.escape(platform.node())}-*"
    for left in folder.glob(which):
        if not _runs(left.name.rpartition("-")[2]):
            left.unlink(missing_ok=True)


def _runs(process: str) -> bool:
    """Whether a process of this machine still runs; on Windows, where asking would end it, always true."""
    if sys.platform == "win32" or not process.isdecimal():
        return True
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (OverflowError, PermissionError):
        return True
    return True


def replace_text(path: Path, text: str) -> None:
    """Write text atomically, in UTF-8; a part of a file name that is none becomes an escape such as \\udce9."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")  # JSON's own escape, too


def default_cache_dir() -> Path:
    """Return the default folder of packs: $RECON2SEG_CACHE, else recon2seg in the user's cache folder.

    Raises UserError where neither is set and the user has no home.
    """
    own, shared = os.environ.get("RECON2SEG_CACHE"), os.environ.get("XDG_CACHE_HOME")
    if own or shared:
        return Path(own) if own else Path(shared or "", "recon2seg")
    try:
        return Path.home() / ".cache" / "recon2seg"
    except RuntimeError:
        raise UserError("this user has no home folder for the cache: set $RECON2SEG_CACHE or --cache_dir") from None


def read_lines(path: Path) -> list[str]:
    """The lines of a text that a person or another program wrote. Raises UserError unless it is UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text: save it in UTF-8") from None


def read_json(path: Path) -> dict[str, Any]:
    """Read a file of `write_json`; return {} if there is no such file. Raises UserError for anything else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"cannot read {path} ({getattr(error, 'strerror', None) or error}): remove it") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} should hold names and values, not a {type(content).__name__}: remove it")
    return content


def make_folder(folder: Path) -> Path:
    """Create a folder for results, with its parents. Raises UserError if a file is in the way."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UserError(f"{folder} cannot be a folder for results: a file is in the way") from None
    return folder


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write values as JSON, atomically. Raises ValueError for NaN; missing values must be null (None)."""
    replace_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content, as hexadecimal digits. Raises OSError where it can't be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
