"""Whose turn a trial is: its owner shows signs of life, and one that shows none is overtaken. Imports no torch."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

from filelock import Timeout

from common.run.lock import claimed, owner
from common.say import aside

BEAT = 10.0
"""Seconds between two signs of life of a process that trains."""
SILENCE = 45.0
"""Seconds without one after which it counts as frozen, or its machine as gone."""


class OvertakenError(Exception):
    """Another process trains the trial by now, because this one stood still."""


@dataclass(frozen=True)
class Turn:
    """A trial that this process trains."""

    folder: Path
    next: Path
    """The folder of the process that overtakes this one."""

    def refuse_overtaken(self) -> None:
        """Raise OvertakenError where another process has begun to train the trial."""
        if self.next.exists():
            raise OvertakenError


@dataclass
class Turns:
    """The folders of trials, NAME, and NAME~2 of the process that overtook the owner of NAME.

    So no two processes ever write the same folder, whenever a frozen one wakes up.
    """

    cells: Path
    seen: dict[Path, tuple[int, float]] = field(default_factory=dict)
    """By the lock of another process, its last sign of life, and when this process first saw that."""

    def folders(self, name: str) -> list[Path]:
        """The folders of a trial, of which the last one may still be trained in; at least one, which need not exist."""
        found = [self.cells / name]
        while (later := self._next(found)).exists():
            found.append(later)
        return found

    def lock(self, name: str) -> Path:
        """The lock of the process that trains a trial."""
        return self._lock_of(self.folders(name)[-1])

    @contextmanager
    def turn(self, name: str) -> Iterator[Turn | None]:
        """Have a trial for this process alone, or None where another one has it and shows signs of life."""
        folders = self.folders(name)
        with ExitStack() as held:
            try:
                turn = held.enter_context(self._mine(folders))
            except Timeout:
                turn = self._overtaken(folders, held)
            yield turn

    def _overtaken(self, folders: list[Path], held: ExitStack) -> Turn | None:
        """The trial of an owner that shows no sign of life."""
        lock = self._lock_of(folders[-1])
        if self._silent(lock) < SILENCE:
            return None
        aside(
            f"{owner(lock)} has shown no sign of life for {SILENCE:.0f} seconds: its {folders[0].name} is trained "
            "again here; end it if it hangs"
        )
        with suppress(Timeout):  # of another process that has seen it, too
            return held.enter_context(self._mine([*folders, self._next(folders)]))
        return None

    @contextmanager
    def _mine(self, folders: list[Path]) -> Iterator[Turn]:
        """Raises filelock's Timeout where another process has it."""
        lock = self._lock_of(folders[-1])
        with claimed(lock), _beating(lock):
            yield Turn(folders[-1], self._next(folders))

    def _silent(self, lock: Path) -> float:
        """Seconds for which a lock has been as it is, by the clock of this process: those of machines differ."""
        now = time.monotonic()
        try:
            with lock.open("rb") as file:  # to open it asks a file server anew
                sign = os.fstat(file.fileno()).st_mtime_ns
        except OSError:  # it was given back just now
            self.seen.pop(lock, None)
            return 0.0
        before, since = self.seen.get(lock, (sign, now))
        self.seen[lock] = sign, since if sign == before else now
        return now - self.seen[lock][1]

    def _lock_of(self, folder: Path) -> Path:
        return self.cells / f".{folder.name}.lock"

    def _next(self, folders: list[Path]) -> Path:
        return self.cells / f"{folders[0].name}~{len(folders) + 1}"


@contextmanager
def _beating(lock: Path) -> Iterator[None]:
    """Touch a lock again and again, until the context ends."""
    ended = Event()

    def beat() -> None:
        while not ended.wait(BEAT):
            with suppress(OSError):
                os.utime(lock)

    thread = Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
