"""Files of tensors: written all at once, read without running their code."""

import os
import pickle
from pathlib import Path
from typing import IO, Any

import torch

from common.errors import NO_SPACE, UserError
from common.files import replacing

_UNREADABLE = (
    RuntimeError,
    ValueError,
    KeyError,
    EOFError,
    TypeError,
    AttributeError,
    pickle.UnpicklingError,
)


def save_atomically(content: Any, path: Path) -> None:
    """`torch.save` to a temporary name, flushed to disk, then renamed. Raises UserError when the disk is full."""
    try:
        with replacing(path) as temporary, temporary.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
    except (OSError, RuntimeError) as error:
        if isinstance(error, RuntimeError) or error.errno in NO_SPACE:
            raise UserError(f"cannot write {path}: {error}; free some space and run again with --resume") from error
        raise


def load_tensors(path: Path) -> Any:
    """Read a file of tensors and plain data, running none of its code."""
    try:
        with path.open("rb") as file:
            return _load(file, path)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None


def _load(file: IO[bytes], path: Path) -> Any:
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except (*_UNREADABLE, OSError) as error:  # of a file that was cut off torch seeks what lies before its start
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise UserError(f"{path} is not a checkpoint that can be read ({reason[:120]})") from None
