"""Ctrl-C and SIGTERM: a command unwinds, so that its files close and temporary ones go, and says what it kept."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import FrameType

from recon2seg import end_quietly

ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""Signals that ask a command to end; Windows has no SIGHUP."""
LAST_RESORT = 3


class Signals:
    """While entered, the first signal to end raises KeyboardInterrupt, and the second is passed over meanwhile.

    The third ends the process at once. A signal that is ignored, as by nohup, stays ignored.
    """

    def __init__(self) -> None:
        self.came: list[int] = []
        self.before = {}

    @property
    def code(self) -> int:
        """The exit code that a shell expects: 130 after Ctrl-C, 143 after SIGTERM."""
        return 128 + next(iter(self.came), signal.SIGINT)

    def __enter__(self) -> "Signals":
        if threading.current_thread() is threading.main_thread():
            handlers = {number: signal.getsignal(number) for number in ENDING}
            self.before = {number: old for number, old in handlers.items() if old not in (signal.SIG_IGN, None)}
            for number in self.before:
                signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            ends = self.came and handler is end_quietly  # the process does nothing after this command
            signal.signal(number, signal.SIG_IGN if ends else handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.before[number] is end_quietly and _imports(frame):
            end_quietly(number, frame)  # half an import can't unwind: extension modules abort
        self.came.append(number)
        if len(self.came) == 1:
            raise KeyboardInterrupt
        if len(self.came) >= LAST_RESORT:
            os._exit(self.code)


def _imports(frame: FrameType | None) -> bool:
    """Whether a module is being imported."""
    while frame is not None and frame.f_globals.get("__name__") != "importlib._bootstrap":
        frame = frame.f_back
    return frame is not None


@contextmanager
def keeping(sentence: str, *, once: Path | None = None) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM say this, what is kept and how to go on, unless something inside has said it.

    `once`: the file without which nothing is kept yet.
    """
    try:
        yield
    except KeyboardInterrupt as stop:
        if once is None or once.exists():
            stop.args = stop.args or (sentence,)
        raise


def keeping_epochs(folder: Path) -> AbstractContextManager[None]:
    """What `keeping` says of a training in this folder, once it has begun."""
    told = f"interrupted: finished epochs are kept in {folder}; go on with --resume --output_dir {folder}"
    return keeping(told, once=folder / "config.yaml")
