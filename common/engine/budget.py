"""The length of a training: how many updates each epoch has, as told, by the images, or as fit in its minutes."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from common.config.groups import TrainingConfig
from common.errors import UserError
from common.terminal import time_left
from common.words import counted

MINUTES = 50.0
"""The longest training where no length is told: with its report it takes less than an hour."""
EPOCHS = (10, 20)
"""The fewest and the most validations of a training that is told in updates or minutes."""
VALIDATION = 0.1
"""Share of the minutes that validations may take: where one takes long there are fewer, and at least two."""
REPORT = 0.05, 3
"""What is left for the scores and the page: this share of the minutes, and at least so many validations."""
USUAL, GROWTH = 15, 0.75
"""Updates where no length is told: so many times this power of the number of images (docs/log.md)."""
SHORT = 0.25
"""Share of these below which a training is said to be short."""


def settled(plan: TrainingConfig, images: int, *, least: int = 0, rounds: int = 1, share: int = 1) -> TrainingConfig:
    """The plan with all that it leaves to the data: batch size, number of epochs, and their updates.

    `least`: the updates that a training has at least where no length is told. `rounds`: parts with as many epochs each,
    see `Course`. `share`: trainings that share the minutes.
    """
    usual, plan = max(_usual(images), least), replace(plan, minutes=plan.minutes / share)
    if plan.epoch_updates == 0:
        plan = replace(plan, batch_size=min(plan.batch_size, images))
    one_pass = _one_pass(plan, images)
    if not (plan.epochs or plan.epoch_updates or plan.updates or plan.minutes):
        plan = replace(plan, updates=(usual,), minutes=MINUTES / share)
    if len(plan.updates) == 1:
        epochs = plan.epochs or _between(EPOCHS, plan.updates[0] / one_pass, rounds)
        return replace(plan, **_parts(plan.updates[0], epochs, rounds))
    if plan.updates:
        return replace(plan, epochs=len(plan.updates))
    if plan.minutes:
        return replace(plan, epochs=plan.epochs or _between(EPOCHS, 2 * plan.minutes, rounds))
    return replace(plan, epochs=plan.epochs or rounds * math.ceil(usual / plan.epoch_updates / rounds))


def updates_of(plan: TrainingConfig, images: int) -> int:
    """The updates of a settled plan on so many images, as far as they can be known before a training in minutes."""
    return sum(Course(plan, _one_pass(plan, images)).told)


class Course:
    """How far a training has come, in updates and epochs, and how many updates its next epoch has.

    A training of so many minutes plans each epoch when it begins, by the pace of the one before it. The learning rate
    depends on the position in epochs alone, so that those numbers of updates repeat the training to the last bit.

    With `rounds` it is several trainings one after the other, of as many epochs each: updates are counted from 0 in
    each round, and over each the learning rate falls.
    """

    def __init__(
        self,
        plan: TrainingConfig,
        one_pass: int,
        *,
        free: bool = False,
        rounds: int = 1,
        between: float = 0.0,
        endless: bool = False,
    ) -> None:
        """`plan` is a settled one; `one_pass` is the number of updates in a pass over the images.

        `free`: a timed training may have fewer epochs than the plan, because nobody has asked for a number. `between`:
        the seconds that are expected to pass from one round to the next. `endless`: nobody knows how many images there
        are, so that no number of updates is usual.
        """
        self.plan, self.free, self.rounds, self.between = plan, free, rounds, between
        self.told = list(plan.updates) or [plan.epoch_updates or one_pass] * plan.epochs
        self.timed = plan.minutes > 0 and not plan.updates
        self.updates: list[int] = []
        """Updates of the epochs that have begun."""
        self.usual = 0 if endless else _usual(one_pass * plan.batch_size * plan.accumulate)
        self.pace = self.rest = self.page = 0.0
        """Seconds of an update, of all else in an epoch, and of a page."""
        self._turn = math.nan
        """When the epoch began, or its last update ended."""

    @property
    def epochs(self) -> int:
        """The number of epochs, each with a validation at its end."""
        return self.plan.epochs

    @property
    def round_epochs(self) -> int:
        """The number of epochs in a round."""
        return self.epochs // self.rounds

    def round_of(self, epoch: int) -> int:
        """The round (from 0) of an epoch (from 0); after the last epoch the last round."""
        return min(epoch // self.round_epochs, self.rounds - 1)

    @property
    def streams(self) -> bool:
        """Whether epochs are cut out of passes that follow each other, and not passes themselves."""
        return bool(self.plan.updates or self.plan.minutes or self.plan.epoch_updates)

    @property
    def needs_pace(self) -> bool:
        """Whether the seconds of an update are wanted before the first one."""
        return self.plan.minutes > 0 and (self.timed or not self.updates)

    def expect(self, pace: float) -> None:
        """Take the seconds of an update into the plan: a training that would take longer than it may is timed.

        So is one that turns out to, in `begin`: by its validations, and where the machine has other work.
        """
        self.pace = pace
        self.timed |= self._takes_longer(0, 0.0)

    @property
    def needs_rest(self) -> bool:
        """Whether the seconds of a validation are wanted before the first update."""
        return self.timed and self.free and not self.updates

    def expect_rest(self, rest: float) -> None:
        """Take the seconds of a validation into the plan: as many are left as fit their share of the minutes."""
        self.rest = rest
        self._cut_to(max(2, int(VALIDATION * self.plan.minutes * 60 / rest)))

    def _cut_to(self, epochs: int) -> None:
        """Have at most so many epochs, and at least one a round."""
        epochs = max(epochs - epochs % self.rounds, self.rounds)
        if epochs < self.epochs:
            parts = _parts(sum(self.plan.updates), epochs, self.rounds) if self.plan.updates else {}
            told = {"epochs": epochs, **parts}
            self.plan = replace(self.plan, **told)
            self.told = list(self.plan.updates) or self.told[:epochs]

    def begin(self, epoch: int, spent: float) -> int:
        """The number of updates of an epoch (counted from 0), which begins `spent` seconds after the command."""
        if not math.isnan(self._turn):
            self.rest = spent - self._turn
        self._turn = spent
        del self.updates[epoch:]
        count = self.told[epoch]
        self.timed |= self.pace > 0 and self._takes_longer(epoch, spent)
        if self.timed:
            part = (self._seconds - self._later(epoch) - spent) / (self.epochs - epoch) - self.rest
            count = max(1, int(part / self.pace)) if self.pace > 0 else count
        self.updates.append(count)
        return count

    def end(self, spent: float) -> None:
        """Take note that the last update of an epoch is done, `spent` seconds after the command began."""
        self.pace, self._turn = (spent - self._turn) / self.updates[-1], spent

    def pause(self) -> None:
        """What has happened since the last update is no rest of an epoch."""
        self._turn = math.nan

    def at(self, update: int) -> float:
        """The position of an update of this round (counted from 0) in epochs: 1.5 is half-way through the second."""
        first = max(len(self.updates) - 1, 0) // self.round_epochs * self.round_epochs
        begun = self.updates[first:]
        for epoch, count in enumerate(begun):
            if update < count:
                return epoch + update / count
            update -= count
        return float(len(begun))

    def progress(self, update: int) -> float:
        """How far this round is at an update, from 0 to 1."""
        return self.at(update) / self.round_epochs

    def __str__(self) -> str:
        size, accumulated = self.plan.batch_size, f" x {self.plan.accumulate}" if self.plan.accumulate > 1 else ""
        epochs = counted(self.epochs, "epoch") + (f" in {self.rounds} rounds" if self.rounds > 1 else "")
        if self.timed:
            fitting = f"about {counted(self._fitting, 'update')}" if self.pace else "batches"
            return f"length: {counted(self.plan.minutes, 'minute')}, {fitting} of {size}{accumulated} images, {epochs}"
        total = sum(self.told)
        about = f", about {time_left(total * self.pace)}" if self.pace else ""
        return f"length: {counted(total, 'update')} of {size}{accumulated} images, {epochs}{about}"

    @property
    def shortage(self) -> str:
        """What to do where far fewer updates fit the minutes than are usual, in a sentence; else nothing."""
        if not self.timed or not self.pace or self._fitting >= SHORT * self.usual:
            return ""
        return (
            f"about {counted(self._fitting, 'update')} fit that time, and {self.usual:,} are usual for so many images: "
            "a smaller --image_size or network, or more --minutes, lets it learn more"
        )

    def repeated(self) -> TrainingConfig:
        """The plan that repeats this training exactly."""
        missing = self.epochs - len(self.updates)  # it was stopped by its patience
        return replace(self.plan, minutes=0.0, updates=(*self.updates, *self.updates[-1:] * missing))

    def state_dict(self) -> dict[str, Any]:
        """What the next epoch depends on."""
        return {"updates": list(self.updates), "timed": self.timed, "epochs": self.epochs}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.updates, self.timed = list(state["updates"]), state["timed"]
        self._cut_to(state.get("epochs", self.epochs))

    def resumed(self, update: int) -> None:
        """Go on after so many updates of a run of version 0.2.0, whose epochs are all as long as told."""
        self.updates = []
        while update > 0:
            self.updates.append(self.told[len(self.updates)])
            update -= self.updates[-1]

    def _takes_longer(self, epoch: int, spent: float) -> bool:
        """Whether the updates told from an epoch on, which begins after `spent` seconds, do not fit the minutes."""
        left = self.pace * sum(self.told[epoch:]) + self.rest * (self.epochs - epoch) + self._later(epoch)
        return self.plan.minutes > 0 and spent + left > self._seconds

    def _later(self, epoch: int) -> float:
        """The seconds that are expected to pass between the rounds after an epoch."""
        return self.between * (self.rounds - 1 - self.round_of(epoch))

    @property
    def _seconds(self) -> float:
        share, validations = REPORT
        seconds = self.plan.minutes * 60
        return seconds - max(share * seconds, validations * self.rest, self.page)

    @property
    def _fitting(self) -> int:
        """Updates that are likely to fit the minutes."""
        waits = self.between * (self.rounds - 1) + self.rest * self.epochs
        return max(self.epochs, int((self._seconds - waits) / self.pace))


def _usual(images: int) -> int:
    return round(USUAL * images**GROWTH)


def _one_pass(plan: TrainingConfig, images: int) -> int:
    return math.ceil(images / (plan.batch_size * plan.accumulate))


def _between(limits: tuple[int, int], number: float, rounds: int) -> int:
    """The next whole number within the limits, or above it, that the rounds divide."""
    return rounds * math.ceil(min(max(round(number), limits[0]), limits[1]) / rounds)


def _parts(updates: int, epochs: int, rounds: int) -> dict[str, Any]:
    """So many epochs, at most one for each update, with the updates spread over them evenly."""
    epochs = min(epochs, updates // rounds * rounds)
    if epochs == 0:
        raise UserError(f"--updates {updates} is too short for {rounds} rounds: give at least {rounds}")
    ends = [updates * number // epochs for number in range(epochs + 1)]
    return {"epochs": epochs, "updates": tuple(ends[number + 1] - ends[number] for number in range(epochs))}
