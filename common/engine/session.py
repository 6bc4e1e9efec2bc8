"""A phase's training from first epoch to last: the loop of `common.engine.loop` wired to a run's folder."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn

from common.config.groups import RunConfig, TrainingConfig
from common.data.batches import Batches
from common.engine.epoch_bar import EpochBar
from common.engine.loop import History, Step, Updater, fit, train_epoch
from common.errors import UserError
from common.rows import Row
from common.run.checkpoint import Handover, save_handover
from common.run.folder import Run


@dataclass(frozen=True)
class Training:
    """What differs between the phases."""

    model: nn.Module
    step: Step
    """The terms of the loss on a batch."""
    evaluate: Callable[[int], Row]
    """Scores on the validation images after an epoch (counted from 0)."""
    score: Callable[[Row], float]
    """Which of them chooses the best epoch; higher is better."""
    headline: tuple[str, ...]
    """The columns that an epoch's line on the screen shows, beside the losses."""
    handover: Callable[[Row], Handover]
    """The network as a file, given the row of its epoch."""
    begin_epoch: Callable[[int], None] = lambda _: None
    """What changes between epochs (counted from 0), such as what is frozen."""
    trained: Callable[[], Row] = dict
    """What else an epoch's training images told, beside the terms of the loss."""
    show: Callable[[History], str | None] = lambda _: None
    """Pictures for TensorBoard after an epoch; a sentence to say aloud, if there is one."""


def compiled(model: nn.Module, plan: TrainingConfig) -> nn.Module:
    """The network as it is trained: itself, or compiled where `plan` asks for it. Its weights are the same objects.

    Raises UserError where compiling needs a compiler and there is none.
    """
    if not plan.compile:
        return model
    if not any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "clang++")):
        raise UserError("--compile needs a C++ compiler, and neither g++ nor clang++ is here: install one, or leave it")
    return cast(nn.Module, torch.compile(model))


def train(training: Training, *, run: Run, updater: Updater, batches: Batches, state: dict[str, Any]) -> History:
    """Train, resuming where the run stopped if it is asked to; best.pth, last.pth and the records are kept.

    `state` names all that has a `state_dict` and changes while training.
    """
    plan: TrainingConfig = run.config.training
    progress = run.restore(state)
    bar = EpochBar(epochs=plan.epochs, updates=len(batches), epoch=progress.epoch)

    def one_epoch(epoch: int) -> Row:
        training.model.train()
        training.begin_epoch(epoch)
        bar.begin(epoch)
        terms = train_epoch(
            training.step,
            batches.epoch(epoch, updater.fabric.device),
            updater,
            lambda values, count: bar.advance(values, count, updater.lr),
        )
        return {"lr": updater.lr, **{f"train/{name}": value for name, value in {**terms, **training.trained()}.items()}}

    def scores(epoch: int) -> Row:
        training.model.eval()
        with torch.no_grad(), updater.averaged():
            return {f"val/{name}": value for name, value in training.evaluate(epoch).items()}

    def save(now: History, better: bool) -> None:
        with updater.averaged():
            if better or _kept(run.config.run, now.epoch):
                handover = training.handover(now.rows[-1])
                names = ["best.pth"] * better + [f"epoch_{now.epoch:04d}.pth"] * _kept(run.config.run, now.epoch)
                for name in names:
                    save_handover(handover, run.folder / name)
            said = training.show(now)
        run.save_state(now, state)
        run.record_resources(updater.fabric.device)
        run.record(now)
        shown = ("train/loss", "val/loss", *training.headline, "lr")
        bar.end(now.epoch, {name: now.rows[-1][name] for name in shown if name in now.rows[-1]}, better=better)
        if said:
            bar.console.print(said, soft_wrap=True, markup=False)

    with bar:
        fit(
            one_epoch,
            scores,
            save,
            progress=progress,
            epochs=plan.epochs,
            patience=plan.patience,
            score=training.score,
        )
    return progress


def _kept(config: RunConfig, epoch: int) -> bool:
    return config.save_every > 0 and epoch % config.save_every == 0
