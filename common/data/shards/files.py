"""Tar files of photographs, called shards (WebDataset): where they lie, and what they hold. Imports no torch."""

import re
import shlex
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from common.data.listing import IMAGE_SUFFIXES
from common.errors import UserError, abbreviate
from common.words import counted

SUFFIX, END = ".tar", 1024
"""A tar file ends in at least so many bytes of zeros."""
SCHEME = re.compile(r"(https?|s3|gs|hf):/+")
"""How the address of a shard that lies elsewhere begins; a path has lost one of the slashes."""
EXAMPLE = "'shards/{000..127}.tar'"
MOST = 8
"""Images of one name, such as thumbnails, that may lie in a shard."""
UNREADABLE = (OSError, EOFError, ValueError, tarfile.TarError, zlib.error)


class Photo(NamedTuple):
    """A photograph in a shard."""

    key: str
    """Its name there without the suffix."""
    name: str
    """Shard and file, for sentences."""
    data: bytes


def is_shards(data_dir: Path | None) -> bool:
    """Whether --data_dir names tar files."""
    return data_dir is not None and data_dir.name.endswith(SUFFIX)


def refuse_shards(data_dir: Path) -> None:
    """Raise UserError for tar files in place of a folder, where all images are needed at once."""
    if is_shards(data_dir) and not data_dir.is_dir():
        raise UserError(f"{data_dir} names shards, which hold photographs for pretrain.main alone: give a folder here")


def shards_of(pattern: Path) -> list[str]:
    """The addresses that a pattern stands for, such as shards/{000..127}.tar, shards/*.tar or s3://bucket/{a,b}.tar.

    Raises UserError for one that can't be read, and where a local file is not there.
    """
    text = SCHEME.sub(r"\1://", str(pattern), count=1)
    try:
        addresses = list(_library("braceexpand").braceexpand(text))
    except ValueError as error:
        raise UserError(f"--data_dir {text} is no pattern ({error}): write it as {EXAMPLE}") from None
    if SCHEME.match(text):
        return addresses
    paths = [
        path for address in map(Path, addresses) for path in sorted(address.parent.glob(address.name)) or [address]
    ]
    files = list(map(str, paths))
    if missing := [file for file in files if not Path(file).is_file()]:
        raise UserError(f"--data_dir {text} matches no file: there is no {abbreviate(missing)}; write it as {EXAMPLE}")
    return files


def refuse_damaged(shards: list[str]) -> None:
    """Raise UserError for a local shard that is cut off, holds no images, or is no tar file, as its ends tell."""
    for shard in shards:
        if not SCHEME.match(shard) and (fault := _fault(Path(shard))):
            raise UserError(f"the shard {shard} {fault}: write it again, or leave it out of --data_dir")


def photos_in(shard: str) -> Iterator[Photo]:
    """The photographs of a shard in their order; of several images of one name the one with the shortest suffix.

    Raises UserError for a shard that can't be read to its end, and for one with more than `MOST` images of one name.
    """
    tar = _library("webdataset.tariterators")
    try:
        stream = _opened(shard)
        try:
            files = tar.tar_file_expander([{"url": shard, "stream": stream}], select_files=_is_image)
            for sample in tar.group_by_keys(files):
                suffixes = sorted((name for name in sample if not name.startswith("__")), key=lambda n: (len(n), n))
                if len(suffixes) > MOST:
                    raise _names_with_dots(shard, sample["__key__"], len(suffixes))
                suffix = suffixes[0]
                yield Photo(sample["__key__"], f"{shard}: {sample['__key__']}.{suffix}", sample[suffix])
        except GeneratorExit:
            with suppress(OSError):  # of a client that is stopped half-way
                stream.close()
            raise
        finally:
            stream.close()
    except UNREADABLE as error:
        raise UserError(
            f"cannot read the shard {shard} ({_reason(error)}): see that it is there and whole, or add --skip_bad_files"
        ) from error


def _names_with_dots(shard: str, key: str, count: int) -> UserError:
    return UserError(
        f"the shard {shard} holds {counted(count, 'image')} called {key}, because a name ends at its first dot: take "
        "the dots out of the names, or write the shards with python -m common.shards"
    )


def readable_in(shard: str, *, skip: bool, leave_out: Callable[[UserError], None]) -> Iterator[Photo]:
    """`photos_in`; with `skip` what can't be read of a shard is left out, and `leave_out` tells of it."""
    try:
        yield from photos_in(shard)
    except UserError as error:
        if not skip:
            raise
        leave_out(error)


def tar_writer(file: Path) -> Any:
    """What writes {"__key__": name, suffix: bytes} into a new tar file; equal contents give equal bytes."""
    return _library("webdataset.writer").TarWriter(str(file), encoder=False, mtime=0, format="PAX_FORMAT")


def _opened(shard: str) -> Any:
    """By the library's reader: files, curl for http(s), and the clients of s3, gs and hf."""
    address = f"pipe:aws s3 cp {shlex.quote(shard)} -" if shard.startswith("s3://") else shard
    return _library("webdataset.gopen").gopen(address)


def _fault(file: Path) -> str:
    """What is wrong with a tar file; "" where nothing shows."""
    try:
        with file.open("rb") as content:
            plain, size = content.read(512)[257:262] == b"ustar", content.seek(0, 2)
            content.seek(max(size - END, 0))
            if plain and any(content.read()):
                return "is cut off: its end is missing"
            content.seek(0)
            with tarfile.open(fileobj=content) as tar:
                return "" if any(member.isreg() and _is_image(member.name) for member in tar) else "holds no images"
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    except UNREADABLE:
        return "is no tar file"


def _reason(error: Exception) -> str:
    """What the library says, in a few words."""
    told = str(error.args[0] if error.args else error)
    if ended := re.search(r"exit (\d+)", told):
        return f"its client ended with code {ended[1]}"
    return getattr(error, "strerror", None) or told.partition(" @ ")[0] or type(error).__name__


def _is_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_SUFFIXES)


def _library(module: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError:
        raise UserError("shards need another package: pip install webdataset") from None
