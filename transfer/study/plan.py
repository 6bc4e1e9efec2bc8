"""All trainings of a study: which are missing, who does them, and how long it takes."""

import shutil
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from common.config.load import changes, save_config
from common.data.load import LabelledSplits, load_labelled
from common.errors import UserError
from common.files import make_folder
from common.run.claim import COMPARED, MAY_CHANGE
from common.run.lock import owner
from common.say import aside, note
from common.signals import keeping
from common.terminal import time_left
from transfer.config import EncoderConfig
from transfer.labels import training_part
from transfer.study.config import OWN, StudyConfig
from transfer.study.initialisations import Initialisation
from transfer.study.trials import PROOF, Trial, TrialResult, data_digest, file_digest, read_trial, shape, train_trial
from transfer.study.turns import OvertakenError, Turns

GROWS = {
    "initialisations", "label_counts", "label_fractions", "search_fraction", "seeds", "double_budget", "dry_run",
    "table", "worker", "keep_best",
}  # fmt: skip
"""Settings of a study that may be others when it goes on: they name its trials, or only what is done with them."""
CONTENT = COMPARED["transfer"] - {"encoder_weights_path"}
"""Settings that say where images and pretrained files lie, which are compared by their content."""
POLL = 5.0
"""Seconds between looks at what other processes have finished."""
SEARCH_SEED = 0


class StudyPlan:
    """The trials of a study, in a folder that several processes may share."""

    def __init__(self, config: StudyConfig, data: LabelledSplits) -> None:
        self.config, self.folder, self.data = config.as_begun().of(len(data.train)), config.folder, data_digest(data)
        self.turns = Turns(self.folder / "cells")
        self._refuse_other_settings()
        self.starts = self.config.starts
        self.digests = {start.name: file_digest(start) for start in self.starts}
        self.shapes = {start.name: shape(start) for start in self.starts}
        self._refuse_few(data)

    def open(self) -> None:
        """Make the folder, and keep the settings there for --resume: those of a worker never, of a table the first."""
        saved, options = self.folder / "config.yaml", self.config.study
        make_folder(self.folder / "cells")
        if not (options.worker or (options.table and saved.exists())):
            save_config(replace(self.config, study=replace(options, table=False)), saved)

    def results(self) -> dict[Trial, TrialResult]:
        """What is finished of the trials that the settings name."""
        found = {trial: self._read(trial) for trial in self.trials()}
        return {trial: result for trial, result in found.items() if result is not None}

    def trials(self) -> Iterator[Trial]:
        """All trials that are known: a start is scored once its rates are found."""
        options = self.config.study
        for tried in map(self._searches, self.starts):
            yield from tried if len(tried) > 1 else ()
        for seed, fold, fraction, start in product(range(options.seeds), self.folds, self.fractions, self.starts):
            if rates := self.rates(start):
                yield Trial("score", start, fraction, seed, *rates, fold)
        for start in filter(self._twice, self.starts):
            if rates := self.rates(start):
                for seed, fold in product(range(options.seeds), self.folds):
                    yield Trial("double", start, max(self.fractions), seed, *rates, fold)

    @property
    def fractions(self) -> Sequence[float]:
        """The shares of the labels."""
        assert self.config.study.label_fractions is not None, "they were chosen by the data"
        return self.config.study.label_fractions

    @property
    def folds(self) -> Sequence[int]:
        """The folds that are trained, from 1; 0 alone without --folds."""
        return range(1, self.config.data.folds + 1) if self.config.data.folds else (0,)

    def missing(self) -> list[Trial]:
        """The known trials that are not finished, in the order in which they are done."""
        return [trial for trial in self.trials() if self._read(trial) is None]

    def rates(self, start: Initialisation) -> tuple[float, float] | None:
        """The learning rate and encoder factor that did best on validation; None while nobody knows."""
        tried = self._searches(start)
        if len(tried) == 1:
            return tried[0].lr, tried[0].encoder_lr_factor
        results = {trial: self._read(trial) for trial in tried}
        if None in results.values():
            return None
        scores = {c: r.record["val_mean_iou"] for c, r in results.items() if r and r.record["val_mean_iou"] is not None}
        if not scores:
            return None
        best = max(scores, key=lambda trial: (scores[trial], -trial.lr, -trial.encoder_lr_factor))
        return best.lr, best.encoder_lr_factor

    def work(self) -> UserError | None:
        """Train what is missing and not being trained by somebody else, until nothing is, or until a start cannot
        be trained: that is returned, for the others have their table.
        """
        try:
            with keeping("interrupted: the same command goes on with the trials that are missing"):
                self._work()
        except UserError as error:
            return error

    def _work(self) -> None:
        began, done, told = time.monotonic(), 0, set[str]()
        while waiting := self.missing():
            mine = next((trial for trial in waiting if self._train(trial)), None)
            if mine is None:
                for trial in waiting:
                    if trial.name not in told:
                        aside(f"waiting for {trial.name}, which {owner(self.turns.lock(trial.name))} trains")
                told.update(trial.name for trial in waiting)
                time.sleep(POLL)
                continue
            done += 1
            left = self.count() - len(self.results())
            seconds = (time.monotonic() - began) / done * left
            result = self._read(mine)
            score = result.record["val_mean_iou"] if result else None
            said = "diverged" if score is None else f"validation mean IoU {score:.3f}"
            aside(f"{mine.name}: {said}; {left} to do, {time_left(seconds)} left")
        lost = [start.name for start in self.starts if self.rates(start) is None]
        if lost:
            raise UserError(
                f"{', '.join(lost)} diverged at every rate that was tried: name lower ones with --lrs, "
                "and another folder with --output_dir"
            )

    def count(self, *starts: Initialisation) -> int:
        """How many trials some starts will have in the end; all of them without an argument."""
        options, named = self.config.study, starts or self.starts
        searches = [len(self._searches(start)) for start in named]
        scored = options.seeds * len(self.folds) * len(self.fractions) * len(searches)
        return sum(count for count in searches if count > 1) + scored + sum(map(self._twice, named))

    def estimate(self) -> tuple[int, float]:
        """How many trials are missing, and about how many seconds one process will need for them."""
        results, trials, seconds = self.results(), 0, 0.0
        for start in self.starts:
            ours = {trial: result.record["seconds"] for trial, result in results.items() if trial.start == start}
            plain = [taken for trial, taken in ours.items() if trial.kind != "double"]
            if missing := self.count(start) - len(ours):
                doubled = self._twice(start) - (len(ours) - len(plain))
                trials += missing
                seconds += (missing + doubled) * (statistics.median(plain) if plain else self._timed(start))
        return trials, seconds

    def _twice(self, start: Initialisation) -> int:
        """How many trials of a start have twice the updates: as many as those of the first from scratch, else none."""
        options = self.config.study
        first = next((start for start in self.starts if start.scratch and not start.pool), None)
        count = options.seeds * len(self.folds)
        return count if options.double_budget and options.seeds > 1 and start == first else 0

    def _searches(self, start: Initialisation) -> list[Trial]:
        options = self.config.study
        factors = (1.0,) if start.scratch else options.encoder_lr_factors
        grid = product(sorted(set(options.lrs)), sorted(set(factors)))
        share, fold = options.search_fraction or 1.0, self.folds[0]
        return [Trial("search", start, share, SEARCH_SEED, lr, factor, fold) for lr, factor in grid]

    def _read(self, trial: Trial) -> TrialResult | None:
        result = next(filter(None, map(read_trial, self.turns.folders(trial.name))), None)
        if result is None:
            return None
        start, record = trial.start, result.record
        transfer = EncoderConfig.OLD_VALUES["transfer"].get(record["transfer"], record["transfer"])
        if (record["file_digest"], transfer) != (self.digests[start.name], start.transfer):
            raise self._another_start(start)
        if record.get("shape") not in (None, self.shapes[start.name]):
            raise self._another_start(start)
        if record["data"] != self.data:
            raise UserError(
                f"the images or masks are not those that {self.folder} was begun with: use another --output_dir"
            )
        return result

    def _refuse_other_settings(self) -> None:
        saved, free = self.folder / "config.yaml", GROWS | MAY_CHANGE | CONTENT | OWN.keys()
        if saved.exists() and (was := changes(self.config, saved, free=free)):
            raise UserError(f"{self.folder} holds a study with other settings ({was}): use another --output_dir")

    def _refuse_few(self, data: LabelledSplits) -> None:
        """Raise UserError for a share of the labels that leaves too little to train on, whatever the seed."""
        options, plan = self.config.study, self.config.training_of(self.starts[0])
        fractions = list(self.fractions)
        if any(len(self._searches(start)) > 1 for start in self.starts):
            fractions.insert(0, options.search_fraction or 1.0)
        for fold in self.folds:
            own = load_labelled(replace(self.config.data, fold=fold)) if fold else data
            for fraction, seed in product(fractions, range(options.seeds)):
                labels = replace(plan.labels, label_fraction=fraction)
                part = replace(plan, labels=labels, run=replace(plan.run, seed=seed))
                training_part(own.train, part, own.classes.names)

    def _another_start(self, start: Initialisation) -> UserError:
        return UserError(
            f"{start.name} is not what {self.folder} was begun with (another file, or other parts of it): give it "
            "another name among the --initialisations, or use another --output_dir"
        )

    def _train(self, trial: Trial) -> bool:
        """Train a trial unless another process is at it; whether this one did."""
        with self.turns.turn(trial.name) as turn:
            if turn is None or self._read(trial) is not None:
                return turn is not None
            if (turn.folder / PROOF).exists():
                note(f"the records of {turn.folder} are damaged: it is trained again")
            if file_digest(trial.start) != self.digests[trial.start.name]:
                raise self._another_start(trial.start)
            aside(f"training {trial.name} (log.txt in its folder)")
            try:
                train_trial(trial, self.config, turn.folder, data=self.data, go_on=turn.refuse_overtaken)
            except OvertakenError:
                aside(f"{trial.name} was overtaken while this process stood still: the other one's counts")
                shutil.rmtree(turn.folder)
                return False
            if self._read(trial) is None:
                raise UserError(f"{turn.folder} does not keep the records that are written: use another disk")
            return True

    def _timed(self, start: Initialisation) -> float:
        """Seconds of a trial, from some that are very short, the first of which is slow and does not count."""
        aside(f"timing a training of {start.name}, in four short ones")
        _, short, longer, looked = (self._seconds(start, *plan) for plan in ((1, 1), (1, 1), (6, 1), (6, 6)))
        update, validation = max(longer - short, 0.0) / 5, max(looked - longer, 0.0) / 5
        options = self.config.study
        return short + update * (self.config.updates - 1) + validation * (options.validations - 1)

    def _seconds(self, start: Initialisation, updates: int, validations: int) -> float:
        options = replace(self.config.study, validations=validations)
        training = replace(self.config.training, updates=(updates,))
        trial = Trial("search", start, 1.0, SEARCH_SEED, 1e-4, 1.0, self.folds[0])
        with TemporaryDirectory() as folder:
            train_trial(
                trial, replace(self.config, study=options, training=training), Path(folder) / "run", data=self.data
            )
            result = read_trial(Path(folder) / "run")
        assert result is not None, "it was just trained"
        return result.record["seconds"]
