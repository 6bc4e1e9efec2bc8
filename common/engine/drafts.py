"""When the page of a training that goes on is written anew."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from common.engine.budget import REPORT


class Drafts:
    """When the page of a training that goes on is written anew, and what that has taken.

    The first one is always written, the next ones as long as all together take no more than REPORT's share of the time.
    """

    def __init__(self) -> None:
        self.spent = self.last = 0.0
        """Seconds of all pages so far, and of the last one."""

    def due(self, seconds: float) -> bool:
        """Whether there is time for a page, `seconds` after the command began."""
        return self.last == 0 or self.spent + self.last <= REPORT[0] * seconds

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count the time of a page."""
        began = time.monotonic()
        yield
        self.last = max(time.monotonic() - began, 1e-9)
        self.spent += self.last
