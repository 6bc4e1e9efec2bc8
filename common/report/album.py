"""How many pictures go into a gallery, and which."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from common.terminal import counting

AT_ONCE = 16
"""Images that are taken up together."""
MOST, BUDGET = 60, 8_000_000
"""Pictures in a gallery, and characters that they may take up."""


def collected(order: Sequence[int], make: Callable[[Sequence[int]], Sequence[Mapping[str, Any]]]) -> list[Any]:
    """What `make` makes of the images of `order`, some at a time, until they fill a gallery's part of a page."""
    items: list[Mapping[str, Any]] = []
    used = 0
    with counting("drawing images", len(order)) as done:
        for start in range(0, len(order), AT_ONCE):
            made = make(order[start : start + AT_ONCE])
            for item in made:
                used += characters(item)
                if items and used > BUDGET:
                    return items
                items.append(item)
            done(len(made))
    return items


def telling(scores: np.ndarray | Sequence[float], count: int = MOST) -> list[int]:
    """At most `count` images in the order in which a page should take them up: worst, best and between, in turn.

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
    """At most `count` numbers below `total`, evenly spread."""
    if total == 0:
        return []
    return np.unique(np.linspace(0, total - 1, min(count, total)).round().astype(int)).tolist()


def some_of(shown: int, total: int, which: str = "the worst, the best, and some evenly between them") -> str:
    """A sentence where not all images are shown."""
    return "" if shown == total else f"{shown} of {total} images: {which}. "


def characters(content: object) -> int:
    """How much of a page's size nested data of strings takes up, near enough."""
    if isinstance(content, str):
        return len(content)
    if isinstance(content, Mapping):
        return sum(characters(one) + 8 for one in content.values())
    if isinstance(content, list | tuple):
        return sum(characters(one) + 2 for one in content)
    return 8
