"""Where the time of a run goes: CPU and wall seconds by part."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from torch import nn

from common.run.plain_data import Positive

PARTS = ("data", "picture", "forward", "loss", "backward", "optimizer", "validation", "saving", "report")
"""Reading and augmenting, the network, the terms of its loss, and so on; what is in none of them is not counted."""
T = TypeVar("T")


@dataclass(frozen=True)
class Spent:
    """What one part took."""

    cpu_seconds: Positive
    """Of all threads of the process."""
    wall_seconds: Positive


class Clock:
    """Adds up the seconds of each part. A part inside another one is not counted to the outer one.

    It reads two clocks of the system and waits for no device: work on a GPU counts where the process waits for it.
    """

    def __init__(self) -> None:
        self._spent = {part: [0.0, 0.0] for part in PARTS}
        self._within: list[str] = []
        self._since = (0.0, 0.0)

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        """Count what happens inside the context to a part."""
        self._enter(part)
        try:
            yield
        finally:
            self._leave()

    def each(self, part: str, things: Iterable[T]) -> Iterator[T]:
        """Yield the things, and count the waiting for each one to a part."""
        waiting = iter(things)
        while True:
            with self(part):
                thing = next(waiting, None)
            if thing is None:
                return
            yield thing

    @contextmanager
    def passes(self, network: nn.Module, part: str = "forward") -> Iterator[None]:
        """Inside the context, count the forward passes of a network to a part."""

        def enter(*_: Any) -> None:
            self._enter(part)

        def leave(*_: Any) -> None:
            self._leave()

        handles = network.register_forward_pre_hook(enter), network.register_forward_hook(leave, always_call=True)
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def spent(self, before: Mapping[str, Spent] | None = None) -> dict[str, Spent]:
        """The seconds of each part so far, on top of those `before`; without parts that took none."""
        self._count()
        found = {}
        for part, own in self._spent.items():
            earlier = (before or {}).get(part, Spent(0, 0))
            cpu, wall = earlier.cpu_seconds + own[0], earlier.wall_seconds + own[1]
            if wall > 0:
                found[part] = Spent(round(cpu, 3), round(wall, 3))
        return found

    def _enter(self, part: str) -> None:
        self._count()
        self._within.append(part)

    def _leave(self) -> None:
        self._count()
        self._within.pop()

    def _count(self) -> None:
        now = (time.process_time(), time.monotonic())
        if self._within:
            own = self._spent[self._within[-1]]
            own[0] += now[0] - self._since[0]
            own[1] += now[1] - self._since[1]
        self._since = now
