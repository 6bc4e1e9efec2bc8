"""What the machine refuses, files, memory and threads, as a sentence: what happened and what to do."""

import errno
import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from common.config.renames import underscored
from common.errors import NO_SPACE

NO_MEMORY = (
    "allocate memory",  # PyTorch on a CPU, and the operating system
    "not enough memory",  # PyTorch on Windows
    "Insufficient memory",  # OpenCV
    "out of memory",  # CUDA and MPS
    "ALLOC_FAILED",  # cuBLAS and cuDNN
    "bad_alloc",
    "Storage size calculation overflowed",
)
"""Words of those who were refused memory; none of them has an exception of its own for it."""
ON_GPU = ("CUDA", "CUBLAS", "CUDNN", "HIP", "MPS", "GPU")
NO_THREAD = "can't start new thread"
REASONS = {
    errno.EROFS: "its disk is read-only",
    errno.EACCES: "there is no permission",
    errno.EPERM: "there is no permission",
    errno.ENOENT: "it is not there",
    errno.ENOTDIR: "a file stands where a folder should",
    errno.EEXIST: "a file stands where a folder should",
    errno.EISDIR: "a folder stands where a file should",
    errno.ENAMETOOLONG: "the name is too long",
}
"""Why a file can't be used; for others the operating system's words stand."""
BROKEN = {errno.EIO, errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.ETIMEDOUT}
"""What is said of a disk that fails while it is read or written."""


def what_failed(error: Exception, words: Sequence[str], less_memory: str) -> str | None:
    """What the machine refused a command of these words, in one sentence; None for an error that is our own mistake.

    `less_memory` says how this command takes less memory: "lower --batch_size".
    """
    said = str(error)
    if isinstance(error, MemoryError) or any(sign in said for sign in NO_MEMORY):
        what = "GPU" if any(sign in said for sign in ON_GPU) else "computer"
        return f"the {what} is out of memory: {less_memory}"
    if NO_THREAD in said or isinstance(error, BlockingIOError):
        return "the computer starts no more threads: lower --num_workers, or close other programs"
    return _of_a_file(error, words) if isinstance(error, OSError) else None


def _of_a_file(error: OSError, words: Sequence[str]) -> str | None:
    name = error.filename2 or error.filename
    if error.errno in NO_SPACE:
        return f"the disk is full ({os.fsdecode(name) if name else 'while writing'}): free some space"
    if name is None:
        return f"a disk failed ({error.strerror}): see to it" if error.errno in BROKEN else None
    path = Path(os.fsdecode(name))
    reason = REASONS.get(error.errno or 0) or error.strerror
    flag = _flag_of(path, words)
    remedy = f"give another {flag}" if flag else "give another path"
    return f"cannot use {path}: {reason}; {remedy}, or put that right"


def _flag_of(path: Path, words: Sequence[str]) -> str | None:
    """The flag that named a path, or a folder above or below it; the one that names it best."""
    named = {}
    for flag, value in pairwise([*words, ""]):
        flag, attached, inline = underscored(flag).partition("=")
        value = inline if attached else value
        place = Path(value)
        if value and flag.startswith("--") and (place in (path, *path.parents) or path in place.parents):
            named[flag] = len(os.path.commonpath([place, path]))
    return max(named, key=named.__getitem__, default=None)
