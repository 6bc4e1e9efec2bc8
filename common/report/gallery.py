"""A gallery: images under layers that are faded or wiped."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from common.terminal import progress_bar

AT_ONCE = 16
"""Images that are taken up together."""


MOST, BUDGET = 60, 8_000_000
"""Pictures in a gallery, and characters that they may take up."""


def fill_gallery(order: Sequence[int], make: Callable[[Sequence[int]], Sequence[Mapping[str, Any]]]) -> list[Any]:
    """What `make` makes of the images of `order`, some at a time, until they fill a gallery's part of a page."""
    items: list[Mapping[str, Any]] = []
    used = 0
    with progress_bar("drawing images", len(order)) as done:
        for start in range(0, len(order), AT_ONCE):
            made = make(order[start : start + AT_ONCE])
            for item in made:
                used += characters(item)
                if items and used > BUDGET:
                    return items
                items.append(item)
            done(len(made))
    return items


def characters(content: object) -> int:
    """How much of a page's size nested data of strings takes up, near enough."""
    if isinstance(content, str):
        return len(content)
    if isinstance(content, Mapping):
        return sum(characters(one) + 8 for one in content.values())
    if isinstance(content, list | tuple):
        return sum(characters(one) + 2 for one in content)
    return 8
