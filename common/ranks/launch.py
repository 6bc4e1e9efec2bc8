"""Starts the processes of a training on this computer, and watches them. Imports no torch."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.ranks.place import STARTED
from common.say import failed

GRACE = 15.0
"""Seconds in which processes may end by themselves when one has failed."""
LOOK = 0.1
"""Seconds from one look at the processes to the next."""


def start_ranks(module: str, argv: Sequence[str], world: int, folder: Path | None) -> int:
    """Run `world` processes of a module here, and return the exit code of all: 0, 2 for what a user can put right.

    Where one is lost (killed, or broken) the others end, too, with 1. `folder` is that of the run, if it is known.
    """
    common = {**os.environ, **_meeting(), STARTED: str(os.getpid()), "WORLD_SIZE": str(world)}
    common.setdefault("OMP_NUM_THREADS", str(max((os.cpu_count() or 1) // world, 1)))
    ranks: list[subprocess.Popen[Any]] = []
    try:
        for rank in range(world):
            own = {"RANK": str(rank), "LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": str(world), "GROUP_RANK": "0"}
            ranks.append(subprocess.Popen([sys.executable, "-m", module, *argv], env={**common, **own}))
        return _watched(ranks, folder)
    finally:
        for process in ranks:
            process.kill()
            process.wait()


def _meeting() -> dict[str, str]:
    """Where the processes meet, and where they find the packages."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = Path(__file__).resolve().parents[2]
    path = os.pathsep.join(filter(None, (str(home), os.environ.get("PYTHONPATH"))))
    return {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "PYTHONPATH": path}


def _watched(ranks: Sequence["subprocess.Popen[Any]"], folder: Path | None) -> int:
    """Wait for all; when one has failed, a little while longer for the others."""
    ends, interrupted = float("inf"), False
    while time.monotonic() < ends and any(process.poll() is None for process in ranks):
        try:
            time.sleep(LOOK)
        except KeyboardInterrupt:
            interrupted, ends = True, time.monotonic() + GRACE
            for process in ranks:
                process.send_signal(signal.SIGTERM)
        if ends == float("inf") and any(process.poll() for process in ranks):
            ends = time.monotonic() + GRACE
    codes = [process.poll() for process in ranks]
    if interrupted:
        return codes[0] if codes[0] is not None and codes[0] > 0 else 128 + signal.SIGTERM
    return _verdict(codes, folder)


def _verdict(codes: Sequence[int | None], folder: Path | None) -> int:
    """The exit code of all, with a sentence where a process could not say its own."""
    killed = next((rank for rank, code in enumerate(codes) if code is not None and code < 0), None)
    if 2 in codes:
        return 2
    if killed is not None:
        where = folder or "its folder"
        failed(
            f"rank {killed} of {len(codes)} was lost (signal {-(codes[killed] or 0)}), and the others ended: finished "
            f"epochs are kept; go on with --resume --output_dir {where}"
        )
        return 1
    return max(code or 0 for code in codes)
