"""What was read of files before, so that a warm start reads none of them again."""

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from common.data.parallel import reading_pool
from common.files import replacing

SETTLED = 2.0
"""Seconds that a file was left alone before it was read: two changes within a tick of a coarse clock look like one."""


class KnownFiles:
    """Digests of the files of one folder, believed while size, times and inode of a file stay what they were.

    The time of the last change of the inode is compared too, because no program can set it back. The record is a file
    in the cache; one that is damaged, or that can't be written, only makes files be read again.
    """

    def __init__(
        self, cache: Path, folder: str, *, threads: int = 1, verify: bool = False, what: str = "known"
    ) -> None:
        """`folder`: where the files lie; `verify`: read every file again; `what`: what is told of them, in a word."""
        self.record = cache / f"{_digest(str(Path(folder).resolve()))}.{what}"
        self.threads, self.verify = threads, verify
        self.entries = _read(self.record)
        """By the path of a file, its stamp and its digest."""
        self.changed = False

    def digests(self, paths: Sequence[Path | None], read: Callable[[Path], str], *, taken_as: str = "") -> list[str]:
        """What `read` returns of each file, asked only of files without a record; "" stands for no file.

        Files that are `taken_as` something have a record of their own for it: no file lies below a file.
        """
        names = ["" if path is None else os.fspath(path / taken_as) for path in paths]
        stamps = ["" if path is None else _stamp(path) for path in paths]
        entries = [("", "") if self.verify else self.entries.get(name, ("", "")) for name in names]
        digests = [digest if known == stamp else "" for (known, digest), stamp in zip(entries, stamps, strict=True)]
        unknown = {index: path for index, path in enumerate(paths) if path is not None and not digests[index]}
        with reading_pool(self.threads) as pool:
            found = pool.map(read, unknown.values())
            for index, digest in zip(unknown, found, strict=True):
                digests[index] = digest
                if digest and stamps[index]:
                    self.entries[names[index]] = stamps[index], digest
                    self.changed = True
        return digests

    def of_files(self, paths: Sequence[Path]) -> list[str]:
        """The digest of each file's bytes; what is new is kept."""
        digests = self.digests(paths, file_digest)
        self.keep()
        return digests

    def keep(self) -> None:
        """Write the record, if it says anything new."""
        if self.changed:
            content = "\0".join(f"{digest} {stamp} {name}" for name, (stamp, digest) in self.entries.items())
            text = f"{_digest(content)}\0{content}"
            with suppress(OSError):
                self.record.parent.mkdir(parents=True, exist_ok=True)  # it is written before the first pack
                with replacing(self.record) as temporary:
                    temporary.write_text(text, encoding="utf-8", errors="surrogateescape", newline="")
        self.changed = False


def file_digest(path: Path) -> str:
    """Of the bytes of a file; empty for one that is not there, which is reported when it is decoded."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=8)).hexdigest()
    except OSError:
        return ""


def folder_of(paths: Sequence[Path]) -> str:
    """The folder that holds all files; empty where they share none."""
    try:
        return os.path.commonpath(paths)
    except ValueError:  # no files, or two drives of Windows
        return ""


def _read(record: Path) -> dict[str, tuple[str, str]]:
    try:
        text = record.read_bytes().decode("utf-8", "surrogateescape")
    except OSError:
        return {}
    digest, _, content = text.partition("\0")
    if digest != _digest(content) or not content:
        return {}
    lines = (line.split(" ", 2) for line in content.split("\0"))
    return {name: (stamp, digest) for digest, stamp, name in lines}


def _stamp(path: Path) -> str:
    """What changes with a file; empty for one that is not there, or was changed just now."""
    try:
        stat = path.stat()
    except OSError:
        return ""
    if time.time() - max(stat.st_mtime, stat.st_ctime) < SETTLED:
        return ""
    return f"{stat.st_size}/{stat.st_mtime_ns}/{stat.st_ctime_ns}/{stat.st_ino}"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
