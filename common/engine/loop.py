"""The training loop of both phases; read it from `fit` upwards."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from contextlib import contextmanager
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from common.config.groups import TrainingConfig
from common.data.batches import Batch
from common.engine.budget import Course
from common.engine.precision import Precision
from common.engine.seeding import seed_update
from common.errors import DivergedError
from common.ranks.group import add_gradients, count, follow_first, own_share, total
from common.rows import Means, Row
from common.run.clock import Clock
from common.run.history import History
from common.say import note
from common.words import counted

Step = Callable[[Batch], Mapping[str, Tensor]]
"""The function from a batch to its named loss terms; "loss" is minimised."""


class Updater:
    """The weight updates of a training, one for every `plan.accumulate` batches.

    Every batch re-seeds the random numbers from (seed, batch). Augmentation, masking and dropout depend on
    nothing else, so a resumed run equals an uninterrupted one. The learning rate of a parameter group is
    `lr_at(update)` times its own "factor" (default 1). With `plan.ema` an exponential moving average of the weights
    and buffers is kept; it starts at the weights after the first update.
    """

    def __init__(
        self,
        precision: Precision,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        plan: TrainingConfig,
        *,
        course: Course,
        lr_at: Callable[[int], float],
        seed: int,
    ) -> None:
        self.precision, self.model, self.optimizer, self.plan = precision, model, optimizer, plan
        self.course, self.lr_at, self.seed = course, lr_at, seed
        self.update = self.batch = 0
        self.buffers: list[Tensor] = []
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
            "course": self.course.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "form": self.precision.form,
            "precision": self.precision.scaler.state_dict(),
            "average": self.average.state_dict() if self.average is not None else {},
            "ranks": count(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state that `state_dict` returned."""
        self.update, self.batch = state["update"], state["batch"]
        if "course" in state:
            self.course.load_state_dict(state["course"])
        else:  # states before 0.3, whose epochs were all alike
            self.course.resumed(self.update)
        if (before := state.get("ranks", 1)) != count():
            note(f"the run goes on with {counted(count(), 'rank')} in place of {before}: its last bits will differ")
        self.optimizer.load_state_dict(state["optimizer"])
        self.precision.resume(state.get("form", self.precision.form))  # states before 0.3 name none
        self.precision.scaler.load_state_dict(state["precision"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])

    def restart(self) -> None:
        """Begin at the first update with the weights as they are: without momentum, and without an average."""
        self.update = self.batch = 0
        self.optimizer.state.clear()
        self.precision.restart()
        if self.average is not None:
            self.average.n_averaged.zero_()

    def begin(self) -> None:
        """Prepare a batch: seed its random numbers, and set the learning rates of its update."""
        seed_update(self.seed, self.batch)
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr_at(self.update) * group.get("factor", 1.0)

    def add(self, terms: Mapping[str, Tensor], share: float = 1.0, own: float = 1.0) -> Row:
        """Accumulate the gradient of a batch that makes up `share` of its update; return the terms as floats.

        `own` is the share of the batch on which this rank has computed them; those of the whole batch are returned.
        Raises DivergedError for a term that is not finite.
        """
        self.batch += 1
        numbers = total(torch.stack([term.detach().float() for term in terms.values()]) * own).tolist()
        values = dict(zip(terms, numbers, strict=True))
        if not all(math.isfinite(value) for value in values.values()):
            shown = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
            raise DivergedError(f"the loss is not a number at update {self.update} ({shown})")
        self.precision.scaler.scale(terms["loss"] * (share * own)).backward()
        return values

    def move(self) -> float:
        """Update the weights and their average; return the norm of the gradient before clipping.

        Raises DivergedError, with the weights as they were, for a norm that is not finite; in fp16, where large
        gradients overflow now and then, the scaler skips such an update.
        """
        largest = self.plan.clip_norm or math.inf  # a clip at infinity multiplies by 1: it only measures
        scaler = self.precision.scaler
        weights = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        add_gradients(weights)
        scaler.unscale_(self.optimizer)
        norm = nn.utils.clip_grad_norm_(weights, largest).item()
        if not math.isfinite(norm) and not scaler.is_enabled():
            raise DivergedError(f"the gradient is not finite at update {self.update}")
        scaler.step(self.optimizer)
        scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        follow_first(self.model.buffers())  # statistics of normalisations that are each rank's own
        if self.average is not None:
            self.average.update_parameters(self.model)
        self.update += 1
        return norm

    def remember(self) -> None:
        """Keep what a batch changes before the weights move (statistics of normalisations), where it may be skipped."""
        if self.plan.on_nonfinite == "skip":
            self.buffers = [buffer.clone() for buffer in self.model.buffers()]

    def skip(self) -> None:
        """Go to the next update with the network as `remember` saw it."""
        for buffer, before in zip(self.model.buffers(), self.buffers, strict=True):
            buffer.copy_(before)
        self.optimizer.zero_grad(set_to_none=True)
        self.update += 1

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


def updates_per_pass(batches: Sized, plan: TrainingConfig) -> int:
    """Return the number of updates in a pass over the images; the last update may have fewer batches."""
    return math.ceil(len(batches) / plan.accumulate)


def _stop(error: DivergedError, group: list[Batch]) -> None:  # noqa: ARG001
    raise error


def train_epoch(
    step: Step,
    batches: Iterable[Batch],
    updater: Updater,
    *,
    watch: Callable[[Row, int], None] = lambda *_: None,
    nonfinite: Callable[[DivergedError, list[Batch]], None] = _stop,
    clock: Clock | None = None,
) -> Row:
    """Train for one epoch; return the mean of every term over the images, and the updates' mean "grad_norm".

    The batches of an update are weighted by their numbers of images, so that they equal one large batch. `watch`
    receives the terms of each batch and its number of images; `nonfinite` the error and the batches of an update
    with a loss or gradient that is not finite, and raises it, or returns for the update to be skipped. `clock` counts
    the seconds by part.
    """
    means, norms, skipped, clock = Means(), [], 0, clock or Clock()
    for group in _groups(clock.each("data", batches), updater.plan.accumulate):
        images, done = sum(map(len, group)), []
        updater.remember()
        try:
            for batch in group:
                updater.begin()
                with clock("loss"):
                    terms = step(batch)
                with clock("backward"):
                    done.append((updater.add(terms, len(batch) / images, own_share(len(batch))), len(batch)))
            with clock("optimizer"):
                norms.append(updater.move())
        except DivergedError as error:
            nonfinite(error, group)
            updater.skip()
            skipped += 1
            continue
        for values, size in done:
            means.add(values, size)
            watch(values, size)
    if means.count == 0 and skipped:
        raise DivergedError(f"no loss of the epoch is finite, so that all was skipped: {counted(skipped, 'update')}")
    if means.count == 0:
        raise ValueError("an epoch without a batch: the loader is empty")
    row = {**means.row(), "grad_norm": _finite_mean(norms)}
    return {**row, "skipped_updates": skipped} if skipped else row


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
    """Train for `epochs` epochs, or until `patience` epochs (0: any number) bring no better validation score.

    `train` and `evaluate` take the epoch's number from 0 and return its measurements. `save` receives the history and
    whether the epoch is the best so far; a higher score is better.
    """
    while history.epoch < epochs and history.epoch - history.best_epoch < (patience or epochs):
        row = {"epoch": history.epoch + 1, **train(history.epoch), **evaluate(history.epoch)}
        history.epoch += 1
        value = score(row) if not math.isnan(score(row)) else -math.inf
        better = value > history.best_score or history.best_epoch == 0
        if better:
            history.best_epoch, history.best_score = history.epoch, value
        history.rows.append(row)
        save(history, better)
