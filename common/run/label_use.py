"""Whose labels helped an encoder before it met the images of phase 2, and the network that taught it."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from common.run.plain_data import Count

UNKNOWN = "licence unknown"
"""In place of a licence that nobody states."""


@runtime_checkable
class LabelUse(Protocol):
    """A record that says whose labels helped."""

    @property
    def uses_imagenet_labels(self) -> bool: ...

    @property
    def uses_labels(self) -> bool: ...

    @property
    def unknown_labels(self) -> bool: ...

    @property
    def earlier_masks(self) -> int: ...

    @property
    def taught_by(self) -> str:
        """The networks whose features it learnt, each with the licence of its weights; "" for none."""
        ...


@dataclass(frozen=True, kw_only=True)
class TeacherRecord:
    """A trained network whose features a pretraining learnt, and the labels that had taught it."""

    name: str
    """mobilenet_v2, a name of timm or of segmentation_models_pytorch, or a file of this program."""
    weights: str = ""
    """Their origin: imagenet, the library's tag such as lvd142m, random, or a file; "" for a file of this program."""
    licence: str = ""
    """The licence of the weights; "" where they are random, or of this program."""
    uses_imagenet_labels: bool = False
    uses_labels: bool = False
    """Whether a linear probe's labels chose the best epoch of its pretraining."""
    unknown_labels: bool = False
    """Whether its weights do not say whose labels helped."""
    earlier_masks: Count = 0
    """Masks that it was trained on by this program."""
    taught_by: str = ""
    """The teacher that it had itself, as in `LabelUse`."""

    def __str__(self) -> str:
        return f"{self.name} ({self.weights})" if self.weights else self.name

    @property
    def told(self) -> str:
        """Its name, its weights with their licence, and its own teacher."""
        before = f"itself taught by {self.taught_by}" if self.taught_by else ""
        return ", ".join(filter(None, (str(self), self.licence, before)))
