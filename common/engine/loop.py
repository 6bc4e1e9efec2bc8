"""The training loop of both phases; read it from `fit` upwards."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from contextlib import contextmanager
from itertools import islice
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.wrappers import _FabricOptimizer
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from common.config.groups import TrainingConfig
from common.data.batches import Batch
from common.engine.seeding import seed_update
from common.errors import DivergedError
from common.rows import Means, Row
from common.run.history import History

Step = Callable[[Batch], Mapping[str, Tensor]]
"""The function from a batch to its named loss terms; "loss" is minimised."""


class Updater:
    """The weight updates of a training, one for every `plan.accumulate` batches.

    Every batch re-seeds the random numbers from (seed, batch, rank). Augmentation, masking and dropout depend on
    nothing else, so a resumed run equals an uninterrupted one. The learning rate of a parameter group is
    `lr_at(update)` times its own "factor" (default 1). With `plan.ema` an exponential moving average of the weights
    and buffers is kept; it starts at the weights after the first update.
    """

    def __init__(
        self,
        fabric: Fabric,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        plan: TrainingConfig,
        *,
        lr_at: Callable[[int], float],
        seed: int,
    ) -> None:
        self.fabric, self.model, self.optimizer, self.plan = fabric, model, optimizer, plan
        self.moves = cast(_FabricOptimizer, fabric.setup_optimizers(optimizer))
        self.lr_at, self.seed = lr_at, seed
        self.update = self.batch = 0
        average = get_ema_multi_avg_fn(plan.ema)
        self.average = AveragedModel(model, multi_avg_fn=average, use_buffers=True) if plan.ema > 0 else None

    @property
    def lr(self) -> float:
        """The learning rate of the last update, for a group of factor 1."""
        return self.lr_at(max(self.update - 1, 0))

    def state_dict(self) -> dict[str, Any]:
        """Return all state that the next update depends on, except the weights."""
        return {
            "update": self.update,
            "batch": self.batch,
            "optimizer": self.optimizer.state_dict(),
            "precision": self.fabric.strategy.precision.state_dict(),
            "average": self.average.state_dict() if self.average is not None else {},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state that `state_dict` returned."""
        self.update, self.batch = state["update"], state["batch"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.fabric.strategy.precision.load_state_dict(state["precision"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])

    def begin(self) -> None:
        """Prepare a batch: seed its random numbers, and set the learning rates of its update."""
        seed_update(self.seed, self.batch, self.fabric.global_rank)
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr_at(self.update) * group.get("factor", 1.0)

    def add(self, terms: Mapping[str, Tensor], share: float = 1.0) -> Row:
        """Accumulate the gradient of a batch that makes up `share` of its update; return the terms as floats.

        Raises DivergedError for a term that is not finite, before the weights change.
        """
        numbers = torch.stack([term.detach().float() for term in terms.values()]).tolist()
        values = dict(zip(terms, numbers, strict=True))
        if not all(math.isfinite(value) for value in values.values()):
            shown = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
            raise DivergedError(
                f"the loss is not a number at update {self.update} ({shown}): lower --lr, or set --clip_norm 1"
            )
        self.fabric.backward(terms["loss"] * share)
        self.batch += 1
        return values

    def move(self) -> float:
        """Update the weights and their average; return the norm of the gradient before clipping."""
        largest = self.plan.clip_norm or math.inf  # a clip at infinity multiplies by 1: it only measures
        norm = self.fabric.clip_gradients(self.model, self.moves, max_norm=largest, error_if_nonfinite=False)
        self.moves.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.average is not None:
            self.average.update_parameters(self.model)
        self.update += 1
        return cast(Tensor, norm).item()

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Give the model its averaged weights inside the context; without an average nothing changes."""
        if self.average is None:
            yield
            return
        own = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.model.load_state_dict(self.average.module.state_dict())
        try:
            yield
        finally:
            self.model.load_state_dict(own)


def updates_per_epoch(batches: Sized, plan: TrainingConfig) -> int:
    """Return the number of updates in an epoch; the last update may have fewer batches."""
    return math.ceil(len(batches) / plan.accumulate)


def train_epoch(
    step: Step, batches: Iterable[Batch], updater: Updater, watch: Callable[[Row, int], None] | None = None
) -> Row:
    """Train for one epoch; return the mean of every term over the images, and the updates' mean "grad_norm".

    The batches of an update are weighted by their numbers of images, so that they equal one large batch.
    """
    means, norms = Means(), []
    for group in _groups(batches, updater.plan.accumulate):
        images = sum(map(len, group))
        for batch in group:
            updater.begin()
            values = updater.add(step(batch), len(batch) / images)
            means.add(values, len(batch))
            if watch is not None:
                watch(values, len(batch))
        norms.append(updater.move())
    if means.count == 0:
        raise ValueError("an epoch without a batch: the loader is empty")
    return {**means.row(), "grad_norm": _finite_mean(norms)}


def _groups(batches: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    waiting = iter(batches)
    while group := list(islice(waiting, size)):
        yield group


def _finite_mean(norms: list[float]) -> float:
    """Return the mean over finite norms: after an fp16 overflow the scaler skips the update, and so does the mean."""
    finite = [norm for norm in norms if math.isfinite(norm)]
    return sum(finite) / len(finite) if finite else math.nan


def fit(
    train: Callable[[int], Row],
    evaluate: Callable[[int], Row],
    save: Callable[[History, bool], None],
    *,
    history: History,
    epochs: int,
    patience: int,
    score: Callable[[Row], float],
) -> None:
    """Train for `epochs` epochs, or until `patience` epochs bring no better validation score.

    `train` and `evaluate` take the epoch's number from 0 and return its measurements. `save` receives the history and
    whether the epoch is the best so far; a higher score is better.
    """
    while history.epoch < epochs and history.epoch - history.best_epoch < patience:
        row = {"epoch": history.epoch + 1, **train(history.epoch), **evaluate(history.epoch)}
        history.epoch += 1
        value = score(row) if not math.isnan(score(row)) else -math.inf
        better = value > history.best_score or history.best_epoch == 0
        if better:
            history.best_epoch, history.best_score = history.epoch, value
        history.rows.append(row)
        save(history, better)
