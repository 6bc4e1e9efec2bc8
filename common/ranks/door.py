"""The way into a training: its folder, for one process or for several. Imports no torch."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common.ranks.place import Place
from common.run.claim import RunFolder


@contextmanager
def run_folder(phase: str, place: Place, config: Any, *, copies: dict[str, Path] | None = None) -> Iterator[RunFolder]:
    """The folder of a run, held by this process or, of several that are connected meanwhile, by rank 0."""
    if place.is_alone:
        with RunFolder(phase, config, copies=copies) as held:
            yield held
        return
    from common.ranks.join import held_run, joined  # now: they need torch

    with joined(place, config), held_run(phase, config, copies=copies) as held:
        yield held
