"""Files of tensors: written all at once, read without running their code."""

import os
import pickle
import re
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import torch

from common.errors import NO_SPACE, UserError
from common.files import replacing

OBJECT = re.compile(r"GLOBAL ([\w.]*\w)")
"""What torch says of a file with more than tensors and plain data."""


def save_atomically(content: Any, path: Path, *, before: Callable[[], None] | None = None) -> None:
    """`torch.save` to a temporary name, flushed to disk, then renamed, right after `before`.

    Raises UserError when the disk is full.
    """
    try:
        with replacing(path) as temporary, temporary.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
            if before is not None:
                before()
    except (OSError, RuntimeError) as error:
        full = isinstance(error, RuntimeError) or error.errno in NO_SPACE  # torch has words of its own for it
        if not full:
            raise
        raise UserError(
            f"cannot write {path}: the disk is full; free some space and run again with --resume"
        ) from error


def load_tensors(path: Path, *, mapped: bool = False) -> Any:
    """Read a file of tensors and plain data, running none of its code.

    `mapped`: for the plain data alone, without a look at the tensors, whose bytes stay in the file.
    """
    try:
        with path.open("rb") as file:
            return _load(file, path, mapped=mapped)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None


def _refuse_flipped_bits(file: IO[bytes]) -> None:
    """Raise ValueError where a part differs from its check sum, which torch writes and does not look at."""
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as parts:
            damaged = parts.testzip()
        if damaged is not None:
            raise ValueError(f"{damaged} differs from its check sum")
    file.seek(0)


def _load(file: IO[bytes], path: Path, *, mapped: bool) -> Any:
    try:
        if not mapped:
            _refuse_flipped_bits(file)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of TorchScript and of old kinds of tensors
            source = str(path) if mapped else file
            return torch.load(source, map_location="cpu", weights_only=True, mmap=mapped)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  torch takes other bytes for a pickle: any error is one of the file
        if other := OBJECT.search(str(error)):
            raise UserError(
                f"{path} is not a checkpoint of plain tensors: it holds {other[1]}, and no code of a file is run; "
                "save the tensors alone, as torch.save(checkpoint['state_dict'], FILE) does"
            ) from None
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        if isinstance(error, pickle.UnpicklingError):  # torch advises to run its code
            reason = "torch.save did not write it, or it is damaged"
        raise UserError(f"{path} is not a checkpoint that can be read ({reason[:120]})") from None
