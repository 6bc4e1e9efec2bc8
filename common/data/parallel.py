"""Doing one thing to many images: on all cores, in order, and with a bar that says how far it is."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import cv2

from common.say import aside
from common.terminal import CONSOLE, progress_bar
from common.words import counted

Item = TypeVar("Item")
Result = TypeVar("Result")


def reading_threads(num_workers: int) -> int:
    """The threads that read files: as many as asked for, or for 0 one for every core."""
    return num_workers or os.cpu_count() or 1


def map_in_order(
    pool: ThreadPoolExecutor, function: Callable[[Item], Result], items: Iterable[Item], *, ahead: int
) -> Iterator[Result]:
    """The pool's `map` with only so many results waiting, so that a slow disk does not fill the memory."""
    waiting: deque[Future[Result]] = deque()
    for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def ahead(items: Generator[Item, None, None], count: int) -> Generator[Item, None, None]:
    """Pass on items that are made in a thread of their own, so many ahead; at its end their generator is closed."""
    end: Any = object()
    try:
        with ThreadPoolExecutor(1) as pool:
            waiting = deque(pool.submit(next, items, end) for _ in range(count))
            try:
                while (item := waiting.popleft().result()) is not end:
                    waiting.append(pool.submit(next, items, end))
                    yield item
            finally:
                for future in waiting:
                    future.cancel()
    finally:
        items.close()


def with_progress(results: Iterable[Result], total: int, what: str) -> Generator[Result, None, None]:
    """Pass results on under a progress bar; without a terminal, between two plain lines.

    `what` is done to the images: "decoding".
    """
    if CONSOLE.is_terminal:
        with progress_bar(f"{what} images", total) as done:
            for result in results:
                yield result
                done(1)
        return
    aside(f"{what} {counted(total, 'image')}")
    yield from results
    aside(f"done: {what} {counted(total, 'image')}")


@contextmanager
def one_quiet_opencv_thread() -> Iterator[None]:
    """The pool is what uses the cores; and what OpenCV would say of a bad file is said in our own words."""
    threads, level = cv2.getNumThreads(), cv2.utils.logging.getLogLevel()
    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
        cv2.utils.logging.setLogLevel(level)


@contextmanager
def reading_pool(threads: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that read images; OpenCV is quiet until the last of them has ended, also after an error."""
    with one_quiet_opencv_thread(), ThreadPoolExecutor(threads) as pool:
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)
