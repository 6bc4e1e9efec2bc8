"""The page of a training that goes on, until the page with the test scores takes its place."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from common.report.blocks import curve_blocks
from common.report.page import Block, Page, noted
from common.rows import Panels
from common.run.history import History
from common.terminal import time_left
from common.words import counted

AGAIN = 20
"""Seconds after which a browser loads a draft again."""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What the page of a training shows while it goes on."""

    title: str
    kicker: str
    said: str
    """How good the network is by now, in a sentence."""
    history: History
    epochs: int
    seconds: float
    """Since the command began."""
    panels: Panels
    pictures: tuple[str, Callable[[], Sequence[Block]], str]
    """The section of the pictures: its title, its blocks, and what they show."""
    colours: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    remarks: Sequence[str] = ()
    """What happened, and is no warning."""

    def write(self, path: Path) -> None:
        """Write the page. Raises OSError where it can't be written."""
        best = self.history.best_epoch
        page = Page(
            title=self.title,
            kicker=f"{self.kicker} · during training",
            verdict=f"{self.said} Epoch {best} is the best so far, and is kept.",
            notices=[*map(noted, (self._progress(), *self.remarks, *self.notes))],
            again=AGAIN,
        )
        page.add(*self.pictures)
        curves = self.history.rows, self.panels
        page.add("Training", lambda: curve_blocks(*curves, best_epoch=best, colours=self.colours))
        page.write(path)

    def _progress(self) -> str:
        """How far the training had come; true also of a page that a stopped training left."""
        done = self.history.epoch
        left = time_left(self.seconds / done * (self.epochs - done))
        now, of_all = time.strftime("%Y-%m-%d %H:%M:%S"), counted(self.epochs, "epoch")
        return (
            f"Written during training, {now}: {done} of {of_all} done after {time_left(self.seconds)}, with about "
            f"{left} left. The browser loads this page again every {AGAIN} seconds; the page with the test scores "
            "takes its place."
        )
