"""With how many threads the updates of a training are computed: as asked, as begun, or as measured."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import deepcopy
from pathlib import Path
from statistics import median

import torch

from common.run.history import History
from common.run.state import State
from common.say import aside, note

ROUNDS = 3
TIE = 1.05
"""How much slower fewer threads may be and still win: they leave cores to others."""


def settle_threads(
    history: History, asked: str, *, measure: Callable[[], Mapping[int, float]] | None
) -> Mapping[int, float]:
    """Set the number of threads and write it into the history; return the seconds that were measured, if any were.

    A number that was asked for, by --threads or $OMP_NUM_THREADS, is obeyed. A run that goes on takes the number that
    it began with. Else the best of what `measure` returns, see `time_threads`, is taken; without it, torch's own.
    """
    seconds: Mapping[int, float] = {}
    fixed = asked != "auto" or "OMP_NUM_THREADS" in os.environ
    if history.epoch and history.threads and not fixed:
        torch.set_num_threads(history.threads)
    elif measure is not None and not history.epoch and not fixed:
        seconds = measure()
        best = best_of(seconds)
        torch.set_num_threads(best)
        tried = ", ".join(map(str, seconds))
        aside(f"threads: {best} of {tried} measured, {seconds[min(seconds)] / seconds[best]:.1f} x one")
    threads = torch.get_num_threads()
    if history.threads not in (0, threads):
        note(f"the run was begun with --threads {history.threads}: with {threads} sums may differ in their last bits")
    history.threads = threads
    return seconds


def best_of(seconds: Mapping[int, float]) -> int:
    """The number of threads that takes the fewest seconds; of equals within `TIE` the smallest."""
    return min(threads for threads, taken in seconds.items() if taken <= TIE * min(seconds.values()))


def time_threads(attempt: Callable[[], None], candidates: Sequence[int]) -> dict[int, float]:
    """Median seconds of an attempt with each number of threads; they take turns, after a first one that isn't timed."""
    seconds: dict[int, list[float]] = {threads: [] for threads in candidates}
    for _ in range(1 + ROUNDS):
        for threads, taken in seconds.items():
            torch.set_num_threads(threads)
            began = time.perf_counter()
            attempt()
            taken.append(time.perf_counter() - began)
    return {threads: median(taken[1:]) for threads, taken in seconds.items()}


@contextmanager
def unchanged(state: State) -> Iterator[None]:
    """Put back at the end what updates change: weights, statistics, the optimizer and random numbers."""
    before, random = deepcopy({name: part.state_dict() for name, part in state.items()}), torch.get_rng_state()
    try:
        yield
    finally:
        for name, part in state.items():
            part.load_state_dict(before[name])
        torch.set_rng_state(random)


def candidates() -> list[int]:
    """One thread, one for every physical core and one for every core that this process may use, rising."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    usable = physical = len(cores)
    with suppress(OSError, ValueError):  # without a limit it says "max"
        quota, period = map(int, Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split())
        usable = min(usable, max(1, quota // period))
    with suppress(OSError):
        siblings = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
        physical = len({Path(siblings.format(core)).read_text(encoding="ascii") for core in cores})
    return sorted({1, min(physical, usable), usable})
