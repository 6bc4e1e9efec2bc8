"""The images that a gallery shows."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from common.report.gallery import MOST
from common.words import counted


def worst_best_between(scores: np.ndarray | Sequence[float], count: int = MOST) -> list[int]:
    """At most `count` images in display order: alternately worst, best and evenly spaced.

    Where there are no more, all of them. Images without a score (NaN) come last.
    """
    scores = np.asarray(scores, dtype=float)
    order = np.argsort(np.where(np.isnan(scores), np.inf, scores), kind="stable")
    third = -(-count // 3)
    known = int((~np.isnan(scores)).sum())
    groups = (order[:third], order[:known][::-1][:third], order[evenly(len(order), count)])
    longest = max(map(len, groups))
    turns = [int(group[i]) for i in range(longest) for group in groups if i < len(group)]
    return list(dict.fromkeys([*turns, *map(int, order)]))[:count]


def evenly(total: int, count: int) -> list[int]:
    """At most `count` indices of `total` things, evenly spread and in order."""
    if total == 0:
        return []
    return np.unique(np.linspace(0, total - 1, min(count, total)).round().astype(int)).tolist()


def some_of(shown: int, total: int, which: str = "the worst, the best, and some evenly between them") -> str:
    """A sentence where not all images are shown."""
    return "" if shown == total else f"{shown} of {counted(total, 'image')}: {which}. "


def sampled(total: int, most: int, *, seed: int) -> Int[np.ndarray, " m"]:
    """All numbers below `total`, or where they are more than `most` a sample of that many, in order."""
    if total <= most:
        return np.arange(total)
    return np.sort(np.random.default_rng(seed).choice(total, most, replace=False))
