"""How far a run has come."""

import math
from dataclasses import dataclass, field


@dataclass
class History:
    """The epochs of a run so far: kept in last.pth, so that a resumed run stops where the unstopped one would."""

    epoch: int = 0
    """Epochs finished."""
    best_epoch: int = 0
    """The epoch (counted from 1) with the best validation score; 0 before the first."""
    best_score: float = -math.inf
    rows: list[dict[str, int | float]] = field(default_factory=list)
    """What was measured in each epoch."""
    threads: int = 0
    """Threads that its updates are computed with; 0 where it is not known, as in runs of version 0.2.0."""

    def choose_anew(self) -> None:
        """Have the best epoch chosen among those to come: their scores are not comparable with those before."""
        self.best_epoch, self.best_score = self.epoch, -math.inf
