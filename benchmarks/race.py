"""Contestants that take turns in one process, so that a busy machine slows all of them alike."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from common.rows import markdown_table


@dataclass(frozen=True)
class Contestant:
    """One way to do a piece of work."""

    name: str
    turn: Callable[[], int]
    """Does a part of the work; returns the number of images in it."""


Times = Mapping[str, Sequence[float]]
"""CPU seconds an image, one for each round, by the names of the contestants."""


def race(contestants: Sequence[Contestant], *, rounds: int) -> Times:
    """Let every contestant have a turn to warm up, and then one in each round."""
    for contestant in contestants:
        contestant.turn()
    times = {contestant.name: [] for contestant in contestants}
    for _ in range(rounds):
        for contestant in contestants:
            began = time.process_time()
            images = contestant.turn()
            times[contestant.name].append((time.process_time() - began) / images)
    return times


def table(times: Times, *, against: str) -> list[str]:
    """Markdown: the median of each contestant, and how many times as fast as `against` it was in the rounds."""
    rows = []
    for name, seconds in times.items():
        rows.append([name, f"{1000 * statistics.median(seconds):.1f}", ratio(times[against], seconds)])
    return markdown_table(["contestant", "CPU ms an image", f"speed, {against} = 1 (rounds)"], rows)


def ratio(seconds: Sequence[float], others: Sequence[float]) -> str:
    """The median of the ratios of the same rounds, and their range."""
    ratios = [own / theirs for own, theirs in zip(seconds, others, strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def show(heading: str, lines: Sequence[str]) -> None:
    """Print a table under its heading."""
    print("", f"### {heading}", "", *lines, sep="\n", flush=True)
