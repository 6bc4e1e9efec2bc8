"""The training behind a page, the same in both phases."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from common.config.groups import DataConfig, TrainingConfig
from common.data.pack import Pack
from common.rows import Row
from common.run.checkpoint import Handover
from common.run.clock import Spent
from common.run.notes import outcome, stopped_early
from common.words import counted


@runtime_checkable
class PhaseConfig(Protocol):
    """The settings that those of both phases have in common."""

    @property
    def data(self) -> DataConfig: ...

    @property
    def training(self) -> TrainingConfig: ...


C = TypeVar("C", bound=PhaseConfig)
H = TypeVar("H", bound=Handover)
P = TypeVar("P", bound=Pack)


@dataclass(frozen=True)
class RunInfo(Generic[C, H, P]):
    """How a network was trained: its settings, its handover file, its epochs and its notes."""

    config: C
    """The settings of the training."""
    handover: H
    """The best epoch."""
    data: str
    """The data set's name, of the images that were scored."""
    packs: Mapping[str, P]
    """The images of each split, those that the page tells the fingerprints of."""
    rows: Sequence[Row] = ()
    """One row an epoch; none where the file of the network is without its run's folder."""
    notes: Sequence[str] = ()
    """What to know of the data, and of what was left out or skipped."""
    remarks: Sequence[str] = ()
    """What happened in the training, and is no warning."""
    receipt: str = ""
    """The weights loaded from another file, in words; "" if the page omits them."""
    parts: Callable[[], Mapping[str, Spent]] = dict
    """What asks for the seconds of the training by part, see `common.run.clock`."""
    next: Sequence[str] = ()
    """The commands that a reader may want next."""
    evaluation: str = ""
    """The command that evaluated the network; "" in its training."""

    @property
    def best_epoch(self) -> int:
        """The epoch (counted from 1) whose weights these are."""
        return self.handover.provenance.epoch

    @property
    def environment(self) -> Mapping[str, Any]:
        """Versions, machine and command of the training."""
        return self.handover.provenance.environment

    @property
    def warnings(self) -> list[str]:
        """One where the training stopped early."""
        return stopped_early(self.config.training, self.rows, self.best_epoch)

    @property
    def outcome(self) -> str:
        """How the training ended, in a sentence; "" where its epochs are not known."""
        return outcome(self.config.training, len(self.rows), self.best_epoch) if self.rows else ""

    @property
    def trend(self) -> str:
        """What the curves show, in a sentence."""
        epochs = len(self.rows)
        if self.best_epoch == epochs:
            return f"Validation improved until the last of {counted(epochs, 'epoch')}."
        return f"Validation stopped improving at epoch {self.best_epoch} of {epochs}."
