"""The training of a phase: the loop of `common.engine.loop`, with its outputs in a run's folder."""

import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Protocol, cast, runtime_checkable

import torch
from torch import Tensor, nn

from common.config.groups import TrainingConfig
from common.data.batches import Batch, Batches
from common.engine.drafts import Drafts
from common.engine.epoch_bar import EpochBar
from common.engine.loop import Updater, fit, train_epoch
from common.engine.rounds import BeginRound, rounds
from common.engine.threads import candidates, settle_threads, time_threads, unchanged
from common.errors import DivergedError, UserError, abbreviate
from common.ranks.group import count, dealing, same, sharing
from common.ranks.join import agreed
from common.rows import Row
from common.run.checkpoint import Handover, save_handover
from common.run.folder import Run
from common.run.history import History
from common.run.state import State, refuse_nonfinite
from common.say import aside, note, say
from common.terminal import spinner


@runtime_checkable
class Phase(Protocol):
    """The parts of a training that differ between phases: loss, scores and outputs. Epochs count from 0."""

    @property
    def headline(self) -> tuple[str, ...]:
        """Columns of metrics.csv in the printed line of an epoch, beside the losses."""
        ...

    @property
    def network(self) -> nn.Module:
        """The network that a step runs, whose passes are timed."""
        ...

    def begin_epoch(self, epoch: int) -> None:
        """Apply the changes between epochs, such as the frozen levels."""
        ...

    def step(self, batch: Batch) -> Mapping[str, Tensor]:
        """Return the terms of the loss on a batch; "loss" is minimised."""
        ...

    def settle(self, plan: TrainingConfig) -> None:
        """Take the length that was settled when updates and validations had been timed."""
        ...

    def trained(self) -> Row:
        """Return scores on the epoch's training images, beside the terms of the loss."""
        ...

    def evaluate(self, epoch: int) -> Row:
        """Return scores on the validation images after an epoch."""
        ...

    def score(self, row: Row) -> float:
        """Return the score that selects the best epoch, from its row of metrics.csv; higher is better."""
        ...

    def handover(self, row: Row) -> Handover:
        """Return the network for a handover file, with the row of its epoch."""
        ...

    def show(self, history: History) -> str | None:
        """Draw pictures for TensorBoard after an epoch; return a warning to print, or None."""
        ...

    def write_draft(self, history: History) -> None:
        """Write report.html as it is during training."""
        ...


def compiled(model: nn.Module, plan: TrainingConfig) -> nn.Module:
    """Return the network, with --compile compiled; its weights are the same objects.

    Raises UserError if --compile is set and no C++ compiler is installed.
    """
    if not plan.compile:
        return model
    if not any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "clang++")):
        raise UserError("--compile needs a C++ compiler, and neither g++ nor clang++ is here: install one, or leave it")
    return cast(nn.Module, torch.compile(model))


def train(
    phase: Phase, *, run: Run, updater: Updater, batches: Batches, state: State, begin_round: BeginRound | None = None
) -> History:
    """Train to the last epoch or until patience ends; write best.pth, last.pth and the records after each epoch.

    A resumed run continues after its last epoch. `state` names every object with a `state_dict` that training changes.
    `begin_round` prepares every round but the first, see `BeginRound`.
    """
    history, course = _begin(phase, run, updater, batches, state), updater.course
    plan = course.plan
    bar = EpochBar(epochs=plan.epochs, epoch=history.epoch, patience=plan.patience, best_epoch=history.best_epoch)
    show = partial(_show, phase, run, updater, bar, Drafts())

    def one_epoch(epoch: int) -> Row:
        updater.model.train()
        phase.begin_epoch(epoch)
        spent, course.page = same((run.seconds, course.page))
        updates = course.begin(epoch, spent)
        bar.begin(epoch, updates * plan.accumulate if course.streams else len(batches))
        known = {"nonfinite": partial(_stop_or_skip, plan, batches), "clock": run.clock}
        with sharing():
            made = _batches(batches, updater, epoch, updates)
            watch = partial(_advance, bar, updater)
            terms = {**train_epoch(phase.step, made, updater, watch=watch, **known), **phase.trained()}
        course.end(same(run.seconds))
        refuse_nonfinite(state)
        return {"lr": updater.lr, **{f"train/{name}": value for name, value in terms.items()}}

    def scores(epoch: int) -> Row:
        updater.model.eval()
        with run.clock("validation"), torch.no_grad(), updater.averaged(), dealing():
            return {f"val/{name}": value for name, value in same(phase.evaluate(epoch)).items()}

    def save(now: History, better: bool) -> None:
        if not run.held.leads:
            return
        _save(phase, run, updater, state, now, better=better)
        show(now, better=better)

    with bar, run.clock.passes(phase.network):
        try:
            for length in rounds(begin_round, run=run, updater=updater, history=history):
                fit(one_epoch, scores, save, history=history, **length, score=phase.score)
        except DivergedError as error:
            with agreed():
                raise run.diverged(error) from None
    if course.timed and run.held.leads:
        settled = {"threads": str(history.threads), "precision": updater.precision.form}
        run.record_repetition(course.repeated(), **settled)
    return history


def _advance(bar: EpochBar, updater: Updater, values: Row, images: int) -> None:
    bar.advance(values, images, updater.lr)


def _save(phase: Phase, run: Run, updater: Updater, state: State, now: History, *, better: bool) -> None:
    with run.clock("saving"):
        with updater.averaged():
            _save_network(phase, run, now, better=better)
        run.save_state(now, state)
    run.record_resources(updater.precision.device)
    with run.clock("saving"):
        run.record(now)


def _show(
    phase: Phase, run: Run, updater: Updater, bar: EpochBar, drafts: Drafts, now: History, *, better: bool
) -> None:
    with run.clock("report"), updater.averaged():
        alarm = phase.show(now)
        if run.config.run.report and now.epoch < bar.epochs and drafts.due(run.seconds):
            with drafts.counted():
                phase.write_draft(now)
            updater.course.page = drafts.last
    shown, row = ("train/loss", "val/loss", *phase.headline), now.rows[-1]
    bar.end(now.epoch, {name: row[name] for name in shown if name in row}, better=better)
    if alarm:
        aside(alarm)


def _batches(batches: Batches, updater: Updater, epoch: int, updates: int) -> Iterator[Batch]:
    """The batches of an epoch: a pass over the images, or as many full ones as its updates need."""
    device, size = updater.precision.device, updater.plan.accumulate
    if updater.course.streams:
        return batches.stream(updater.update * size, updates * size, device)
    return batches.epoch(epoch % updater.course.round_epochs, device)


def _begin(phase: Phase, run: Run, updater: Updater, batches: Batches, state: State) -> History:
    """Restore the run that is resumed, and settle the number of threads."""
    history = run.restore(state)
    measure, numbers = partial(_time_threads, phase, updater, batches, state), candidates()
    choice = len(numbers) > 1 and updater.precision.device.type == "cpu"
    choice = choice and not updater.plan.compile and count() == 1  # compiling for each number, sharing the cores
    seconds = settle_threads(history, run.config.run.threads, measure=partial(measure, numbers) if choice else None)
    run.record_environment(precision=updater.precision.form)
    if updater.course.needs_pace:
        seconds = seconds or measure([history.threads])
        updater.course.expect(same(seconds[history.threads]))
    if updater.course.needs_rest:
        updater.course.expect_rest(same(_time_validation(phase, updater, state)))
    phase.settle(updater.course.plan)
    say(updater.course)
    if updater.course.shortage:
        note(updater.course.shortage)
    return history


def _time_threads(
    phase: Phase, updater: Updater, batches: Batches, state: State, numbers: Sequence[int]
) -> dict[int, float]:
    """Seconds of an update by the number of threads; the training is as it was afterwards."""
    batch = next(batches.epoch(0, updater.precision.device))

    def attempt() -> None:
        updater.begin()
        phase.step(batch)["loss"].backward()
        updater.optimizer.zero_grad(set_to_none=True)

    with unchanged(state):
        updater.model.train()
        phase.begin_epoch(0)
        with spinner("timing an update"), sharing():
            return time_threads(attempt, numbers)


def _time_validation(phase: Phase, updater: Updater, state: State) -> float:
    """Seconds of a validation; the training is as it was afterwards."""
    with unchanged(state), torch.no_grad(), spinner("timing a validation"), dealing():
        updater.model.eval()
        began = time.perf_counter()
        phase.evaluate(0)
        return time.perf_counter() - began


def _stop_or_skip(plan: TrainingConfig, batches: Batches, error: DivergedError, group: list[Batch]) -> None:
    """Name the images of an update that is not finite. Raises DivergedError unless it is to be skipped."""
    keys = [name for batch in group for name in batches.names(batch.index)]
    told = f"{error} with the images {abbreviate(keys, 8)}"
    if plan.on_nonfinite == "stop":
        raise DivergedError(told)
    aside(f"skipped: {told}")


def _save_network(phase: Phase, run: Run, history: History, *, better: bool) -> None:
    every, names = run.config.run.save_every, []
    if better:
        names.append("best.pth")
    if every > 0 and history.epoch % every == 0:
        names.append(f"epoch_{history.epoch:04d}.pth")
    if names:
        handover = phase.handover(history.rows[-1])
        for name in names:
            save_handover(handover, run.folder / name)
