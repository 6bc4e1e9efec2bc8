"""A command in a process of its own that is killed when it touches its folder for the n-th time."""

import importlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

TOUCHING = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "shutil.rmtree"}
"""Audit events of Python that write a folder, or may."""
SERVER = multiprocessing.get_context("forkserver")  # its children begin with all imports done
SERVER.set_forkserver_preload(["pretrain.phase", "transfer.phase"])


def run_killed(module: str, words: Sequence[str], folder: Path, at: int) -> tuple[int, int]:
    """Run the command of a module in the parent of `folder`, and kill it before the touch with the number `at`.

    Returns its exit code (-9 where it was killed) and how often it touched the folder.
    """
    count = SERVER.Value("i", 0)
    process = SERVER.Process(target=_child, args=(module, list(words), folder, at, count))
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode, count.value


def _child(module: str, words: list[str], folder: Path, at: int, count) -> None:
    os.chdir(folder.parent)
    log = folder.with_suffix(".log").open("a")
    os.dup2(log.fileno(), 1)
    os.dup2(log.fileno(), 2)
    inside = {str(folder), folder.name}

    def hook(event: str, arguments: tuple) -> None:
        if event not in TOUCHING or not isinstance(arguments[0], str | os.PathLike):
            return
        if inside.isdisjoint(map(str, [Path(arguments[0]), *Path(arguments[0]).parents])):
            return
        count.value += 1
        if count.value == at:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    sys.exit(importlib.import_module(module).main(words))
