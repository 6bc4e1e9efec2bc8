"""A training in rounds: each is a training of its own, that begins with the best network of the one before."""

from collections.abc import Callable, Iterator

from common.engine.loop import Updater
from common.ranks.join import agreed
from common.run.checkpoint import Handover, load_handover
from common.run.folder import Run
from common.run.history import History

BeginRound = Callable[[int, Handover, bool], None]
"""Prepares a round: takes its number (from 0), the best network of the round before, and whether the round begins now,
with that network, or goes on after it was stopped."""


def rounds(begin_round: BeginRound | None, *, run: Run, updater: Updater, history: History) -> Iterator[dict[str, int]]:
    """Go through the rounds that are left: the last epoch of each, and its patience, which counts in the last one."""
    course = updater.course
    for number in range(course.round_of(history.epoch), course.rounds):
        if number > 0:
            assert begin_round is not None, "the course has one round"
            _enter(number, begin_round, run, updater, history)
        last = number + 1 == course.rounds
        yield {"epochs": (number + 1) * course.round_epochs, "patience": course.plan.patience if last else 0}


def _enter(number: int, begin_round: BeginRound, run: Run, updater: Updater, history: History) -> None:
    """Go over to a round at its first epoch, or find it again as it was."""
    fresh = history.epoch == number * updater.course.round_epochs
    with agreed():
        if fresh and run.held.leads:
            run.keep_best(number, history.best_epoch)
    begin_round(number, load_handover(run.round_file(number)), fresh)
    if fresh:
        updater.restart()
        history.choose_anew()
    updater.course.pause()
