"""Processes of one training, started by hand as a launcher would."""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

LONGEST = 60
"""Seconds in which all must have ended."""


def start(module: str, words: Sequence[str], folder: Path, **told: str) -> subprocess.Popen[str]:
    """Start `python -m module` in a folder, with these variables."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **told}
    call = [sys.executable, "-m", *module.split(), *map(str, words)]
    return subprocess.Popen(call, cwd=folder, env=environ, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


def start_ranks(
    module: str, words: Sequence[Sequence[str]], folders: Sequence[Path], world: int = 2
) -> list[subprocess.Popen[str]]:
    """Start a rank for each of the command lines, in its folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    ranks = []
    for rank, (line, folder) in enumerate(zip(words, folders, strict=True)):
        place = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(world)}
        ranks.append(start(module, line, folder, **place, MASTER_ADDR="127.0.0.1", MASTER_PORT=port))
    return ranks


def ended(processes: Sequence[subprocess.Popen[str]]) -> tuple[list[int], list[str]]:
    """The exit code of each, and the errors that were said; no process shows a traceback."""
    said = [process.communicate(timeout=LONGEST)[1] for process in processes]
    assert not any("Traceback" in text for text in said), "\n".join(said)
    errors = [line for text in said for line in text.splitlines() if line.startswith("error:")]
    return [process.returncode for process in processes], errors
