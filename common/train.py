"""The one loop of both phases: read it from `fit` upwards."""

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.wrappers import _FabricOptimizer
from torch import Tensor, nn

from common.data.batches import Batch
from common.errors import DivergedError

Step = Callable[[Batch], Mapping[str, Tensor]]
"""Named terms of a batch; "loss" is the one that is minimised."""

Row = dict[str, float]

INITIAL = -1
"""The "update" whose seed the first weights are drawn with."""


class Updater:
    """Turns the terms of a batch into one move of the weights.

    Every update re-seeds the random numbers from (seed, update, rank), so that augmentation, masking and dropout
    depend on nothing else, and a resumed run equals one that never stopped. A parameter group moves at
    `lr_at(update)` times its own "factor" (1 where it has none).
    """

    def __init__(
        self,
        fabric: Fabric,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        *,
        lr_at: Callable[[int], float],
        seed: int,
        clip_norm: float = 0.0,
    ) -> None:
        self.fabric, self.module, self.optimizer = fabric, module, optimizer
        self.moves = cast(_FabricOptimizer, fabric.setup_optimizers(optimizer))
        self.lr_at, self.seed, self.clip_norm = lr_at, seed, clip_norm
        self.update = 0

    @property
    def lr(self) -> float:
        """The rate of the last update, for a group of factor 1."""
        return self.lr_at(max(self.update - 1, 0))

    def state_dict(self) -> dict[str, Any]:
        """All that the next update depends on, beside the weights."""
        precision = self.fabric.strategy.precision.state_dict()
        return {"update": self.update, "optimizer": self.optimizer.state_dict(), "precision": precision}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on after the update at which `state_dict` was taken."""
        self.update = state["update"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.fabric.strategy.precision.load_state_dict(state["precision"])

    def begin(self) -> None:
        """Make ready for a batch: random numbers and rates of this update."""
        seed_update(self.seed, self.update, self.fabric.global_rank)
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr_at(self.update) * group.get("factor", 1.0)

    def finish(self, terms: Mapping[str, Tensor]) -> Row:
        """Move the weights once; return the terms as numbers.

        Raises DivergedError when one of them is none, before the weights are spoilt.
        """
        numbers = torch.stack([term.detach().float() for term in terms.values()]).tolist()
        values = dict(zip(terms, numbers, strict=True))
        if not all(math.isfinite(value) for value in values.values()):
            shown = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
            raise DivergedError(
                f"the loss is not a number at update {self.update} ({shown}): lower --lr, or set --clip_norm 1"
            )
        self.fabric.backward(terms["loss"])
        if self.clip_norm > 0:
            self.fabric.clip_gradients(self.module, self.moves, max_norm=self.clip_norm, error_if_nonfinite=False)
        self.moves.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.update += 1
        return values


def seed_update(seed: int, update: int, rank: int = 0) -> None:
    """Seed torch from (seed, update, rank), well mixed, so that neighbours share nothing."""
    mixed = hashlib.blake2b(f"{seed}/{update}/{rank}".encode(), digest_size=8).digest()
    torch.manual_seed(int.from_bytes(mixed, "little") >> 1)


def train_epoch(
    step: Step, batches: Iterable[Batch], updater: Updater, watch: Callable[[Row, int], None] | None = None
) -> Row:
    """One pass over the data: an update a batch. Returns the mean of every term over the images."""
    means = Means()
    for batch in batches:
        updater.begin()
        values = updater.finish(step(batch))
        means.add(values, len(batch))
        if watch is not None:
            watch(values, len(batch))
    if means.count == 0:
        raise ValueError("an epoch without a batch: the loader is empty")
    return means.row()


class Means:
    """Means over images of values that come per batch."""

    def __init__(self) -> None:
        self.count, self.sums = 0, {}

    def add(self, values: Mapping[str, float], count: int) -> None:
        """Take in the means of a batch of `count` images."""
        self.count += count
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value * count

    def row(self) -> Row:
        """The means so far."""
        return {name: total / self.count for name, total in self.sums.items()}


@dataclass
class Progress:
    """How far a run has come: kept in last.pth, so that a resumed run stops where the unstopped one would."""

    epoch: int = 0
    """Epochs finished."""
    best_epoch: int = 0
    """The epoch (counted from 1) with the best validation score; 0 before the first."""
    best_score: float = -math.inf
    rows: list[Row] = field(default_factory=list)
    """What was measured in each epoch."""


def fit(
    train: Callable[[int], Row],
    evaluate: Callable[[int], Row],
    save: Callable[[Progress, bool], None],
    *,
    progress: Progress,
    epochs: int,
    patience: int,
    score: Callable[[Row], float],
) -> None:
    """Train until `epochs` are done, or until `patience` epochs have brought no better validation score.

    `train` and `evaluate` take the epoch's number from 0 and return what they measured; `save` is told whether
    the epoch is the best so far; a higher score is better.
    """
    while progress.epoch < epochs and progress.epoch - progress.best_epoch < patience:
        row = {"epoch": progress.epoch + 1, **train(progress.epoch), **evaluate(progress.epoch)}
        progress.epoch += 1
        value = score(row) if not math.isnan(score(row)) else -math.inf
        better = value > progress.best_score or progress.best_epoch == 0
        if better:
            progress.best_epoch, progress.best_score = progress.epoch, value
        progress.rows.append(row)
        save(progress, better)
