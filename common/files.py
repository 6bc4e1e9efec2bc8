"""Writing files that other processes may be reading."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common.errors import UserError


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


def default_cache_dir() -> Path:
    """Where packs are kept unless told: $RECON2SEG_CACHE, else recon2seg in the user's cache folder."""
    own = os.environ.get("RECON2SEG_CACHE")
    shared = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(own) if own else Path(shared) / "recon2seg"


def read_json(path: Path) -> dict[str, Any]:
    """What `write_json` wrote; {} where there is no such file."""
    return json.loads(path.read_text()) if path.exists() else {}


def make_folder(folder: Path) -> Path:
    """Make a folder for results, with its parents. Raises UserError where a file is in the way."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UserError(f"{folder} cannot be a folder for results: a file is in the way") from None
    return folder


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write figures for programs to read. Raises ValueError for NaN: a figure that does not exist is null."""
    replace_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
