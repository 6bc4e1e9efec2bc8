"""What the machine refuses is a sentence that names the flag; an error of our own stays one."""

import errno
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from common.cli import command


def refusal_of(error: Exception, words: list[str], capsys) -> str:
    @command(less_memory="lower --batch_size")
    def main(argv):
        raise error

    assert main(words) == 2
    return capsys.readouterr().err


def failed(number: int, *names: str) -> OSError:
    name, *others = names
    return OSError(number, os.strerror(number), name, None, *others)


@pytest.mark.parametrize(
    ("error", "words", "said"),
    [
        (
            failed(errno.EROFS, "/ro/out/figures"),
            ["--output_dir", "/ro/out"],
            "cannot use /ro/out/figures: its disk is read-only; give another --output_dir, or put that right",
        ),
        (
            failed(errno.EACCES, "/disk/x/pack"),
            ["--seed", "0", "--cache-dir=/disk/x"],
            "no permission; give another --cache_dir",
        ),
        (failed(errno.ENOENT, "/gone"), ["--output", "/gone/masks"], "it is not there; give another --output,"),
        (
            failed(errno.ENAMETOOLONG, "n" * 300),
            ["--output_dir", "n" * 300],
            "the name is too long; give another --",
        ),
        (failed(errno.ENOTDIR, "file/out"), ["run", "--output", "file/out"], "a file stands where a folder should"),
        (failed(errno.EACCES, "data/a.png"), [], "cannot use data/a.png: there is no permission; give another path"),
        (failed(errno.EMFILE, "a"), [], "cannot use a: Too many open files; "),
        (failed(errno.ENOENT, "out/.best.pth.7", "out/best.pth"), ["--output_dir", "out"], "cannot use out/best.pth: "),
        (failed(errno.ENOSPC, "out/a"), [], "the disk is full (out/a): free some space"),
        (OSError(errno.EIO, "Input/output error"), [], "a disk failed (Input/output error)"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_file_that_cannot_be_used_is_a_sentence(error, words, said, capsys):
    assert said in refusal_of(error, words, capsys)


def too_much(take) -> Exception:
    with pytest.raises((MemoryError, RuntimeError)) as refused:
        take()
    return refused.value


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "the computer is out of memory: lower --batch_size"),
        (too_much(lambda: np.empty(2**60, np.uint8)), "the computer is out of memory"),
        (too_much(lambda: torch.empty(2**60, dtype=torch.uint8)), "the computer is out of memory"),
        (too_much(lambda: torch.empty(2**62, 2**62)), "the computer is out of memory"),
        (
            cv2.error("(-4:Insufficient memory) Failed to allocate 9 bytes"),
            "the computer is",
        ),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."), "the GPU is out of memory"),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"), "the GPU is out of memory"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), "the GPU is out"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "the computer is out of memory"),
        (RuntimeError("can't start new thread"), "lower --num_workers"),
    ],
    ids=str,
)
def test_too_little_memory_is_a_sentence(error, said, capsys):
    assert said in refusal_of(error, [], capsys)


@pytest.mark.parametrize("error", [RuntimeError("shapes"), OSError("no name"), ValueError("x")], ids=str)
def test_a_mistake_of_our_own_stays_a_traceback(error, capsys):
    with pytest.raises(type(error)):
        refusal_of(error, ["--output_dir", str(Path("/"))], capsys)
