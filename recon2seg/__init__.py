"""The command `recon2seg`. From Python: `from pretrain import load_encoder`, `from transfer import load_model`."""

import ctypes
import os
import signal
import sys
import threading
from itertools import pairwise

PACKAGES = ("recon2seg", "pretrain", "transfer")
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""As malloc.h of glibc has them."""


def end_quietly(number: int, _: object) -> None:
    """End the process without a traceback, with the code that a shell expects; before a command, nothing is open."""
    os.write(2, b"error: interrupted\n")
    os._exit(128 + number)


def _starts_a_command() -> bool:
    """Whether this is imported to run a command, by its name or by `python -m`, and not by a program of the user's."""
    if sys.argv[0] == "-m":
        return any(flag == "-m" and module.split(".")[0] in PACKAGES for flag, module in pairwise(sys.orig_argv))
    return sys.argv[0].endswith(("recon2seg", "recon2seg.exe"))


def _wait_asleep() -> None:
    """Let threads of OpenMP sleep soon when they wait: if they spin, two programs on the same cores stop each other.

    OpenMP reads this when torch is imported. A short spin costs little and spares most wake-ups (GNU's OpenMP).
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ["OMP_WAIT_POLICY"] = "passive"
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")


def _keep_freed_memory() -> None:
    """Let glibc keep freed memory up to 32 MiB a block for the next tensors; it gives it back at each update otherwise.

    What is given back is asked for again, and the kernel clears it page by page: up to 8 % of an update's time.
    """
    own = {"GLIBC_TUNABLES", "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"} & set(os.environ)
    if sys.platform == "linux" and not own and hasattr(library := ctypes.CDLL(None), "mallopt"):
        library.mallopt(M_MMAP_THRESHOLD, 32 << 20)
        library.mallopt(M_TRIM_THRESHOLD, -1)


if _starts_a_command():
    _wait_asleep()
    _keep_freed_memory()
if _starts_a_command() and threading.current_thread() is threading.main_thread():
    for ending in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(ending) is not signal.SIG_IGN:
            signal.signal(ending, end_quietly)
