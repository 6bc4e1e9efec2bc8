"""Writing behind the work: files are encoded by threads while the next images are segmented."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

WAITING = 2**24
"""Pixels that wait to be written; of a larger image nothing else waits."""


def behind(
    items: Iterable[Item], write: Callable[[Item], Outcome], *, pixels: Callable[[Item], int], threads: int
) -> Iterator[Outcome]:
    """What `write` returns of each item, in their order, while the next ones are made."""
    waiting: deque[tuple[Future[Outcome], int]] = deque()
    held = 0
    with ThreadPoolExecutor(threads) as pool:
        for item in items:
            waiting.append((pool.submit(write, item), pixels(item)))
            held += pixels(item)
            del item  # its pixels are gone once they are written
            while held > WAITING or (waiting and waiting[0][0].done()):
                done, size = waiting.popleft()
                held -= size
                yield done.result()
        for done, _ in waiting:
            yield done.result()
