"""When photographs do harm: then they are left out for the rest of the training."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from common.rows import Row

HARM = 0.05
"""Mean IoU on validation images below that before the photographs."""
PATIENCE = 3
"""Validations in a row that are so much lower, until the photographs are left out."""


@dataclass
class Guard:
    """Watches the validations of a training with photographs."""

    before: float = 0.0
    """The best mean IoU on validation images before the photographs counted."""
    lower: int = 0
    """Validations in a row that were lower by HARM."""
    dropped: bool = False
    """Whether the photographs are left out."""

    def judged(self, scores: Sequence[float], *, counted: bool) -> Row:
        """Take the mean IoU of network and teacher on validation images, and return them as columns of metrics.csv.

        `counted`: photographs were part of the epoch.
        """
        best = max(scores)
        if not counted:
            self.before = max(self.before, best)
        self.lower = self.lower + 1 if counted and best < self.before - HARM else 0
        self.dropped |= self.lower >= PATIENCE
        student, teacher = scores
        return {"student_mean_iou": student, "teacher_mean_iou": teacher, "both_mean_iou": (student + teacher) / 2}

    def alarms(self) -> list[str]:
        """What to say where the photographs have just been left out."""
        if self.lower < PATIENCE:
            return []
        self.lower = 0
        return [
            f"ALARM: the photographs of --unlabelled_dir did harm: mean IoU fell by more than {HARM:g} below the "
            f"{self.before:.3f} before them, so they are left out from now on"
        ]

    def state_dict(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.before, self.lower, self.dropped = state["before"], state["lower"], state["dropped"]
