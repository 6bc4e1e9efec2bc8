"""Phase 1 from settings to ae.pth."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from torch import Tensor

from common.config.groups import TrainingConfig
from common.data.batches import Batch, Batches, read_batch
from common.data.samples import SPLITS
from common.data.shards.batches import StreamBatches, batches_of, images_of
from common.engine.budget import Course, settled
from common.engine.loop import Updater, updates_per_pass
from common.engine.optim import ParameterGroup, build_optimizer, rates
from common.engine.precision import make_precision
from common.engine.seeding import INITIAL, VALIDATION, seed_update
from common.engine.session import compiled, train
from common.errors import UserError
from common.models.summary import write_summary
from common.models.synced import synced
from common.ranks.group import own
from common.ranks.join import in_turn
from common.report.run_info import RunInfo
from common.rows import Row
from common.run.checkpoint import AutoencoderHandover, Handover, load_handover
from common.run.claim import RunFolder
from common.run.folder import Run
from common.run.history import History
from common.run.notes import data_name, skipped_note
from common.run.records import PretrainingRecord
from common.say import note, say
from pretrain.build import begin, build_model, build_objective, build_painter, build_target, start_from
from pretrain.config import PretrainConfig
from pretrain.handover import handover_of, write_copies
from pretrain.losses.registry import PseudoMaskSettings
from pretrain.model import TrainingForward
from pretrain.next_steps import after_pretraining
from pretrain.probe.probe import Probe
from pretrain.pseudo_masks.photographs import Photographs
from pretrain.pseudo_masks.rounds import next_round
from pretrain.record import task_record
from pretrain.scoring import mean_loss, means, score_images
from pretrain.tasks import BatchTasks
from pretrain.teachers.keeping import granted, kept_maps
from pretrain.teachers.known_maps import KnownMaps
from pretrain.weight_files import weight_files


class Pretraining:
    """An autoencoder, its photographs, and the folder of its run."""

    def __init__(self, config: PretrainConfig, held: RunFolder) -> None:
        self.config = config
        self.run = Run(held, config)
        self.precision = make_precision(config.run)
        seed_update(config.run.seed, INITIAL)
        target = build_target(config)
        seed_update(config.run.seed, INITIAL)  # so that all targets begin with the same encoder
        self.model = synced(build_model(config, target), wanted=config.ranks.sync_batchnorm)
        self.begun = begin(self.model, config)
        self.before = start_from(self.model, config)
        self.objective = build_objective(config, target)
        plan, network = config.settings(PseudoMaskSettings), self.model.to(self.precision.device)
        self.photographs = Photographs(config)
        self.data = self.photographs.masked(network if plan.pseudo_mask_from == "start_from" else None)
        self.round, self.remarks, rounds = 0, [], plan.pseudo_mask_rounds
        length = settled(config.training, images_of(self.data), rounds=rounds)
        self.config = config = replace(config, training=length, data=replace(config.data, **self.data.fitting.settings))
        self._check_fit()
        self.tasks = BatchTasks(config)
        self.probe = self._load_probe()
        self.batches = batches_of(self.data, config.training, seed=config.run.seed, scales=config.data.crop_scale)
        self.network = self.precision.place(compiled(TrainingForward(self.model), config.training))
        self.objective.to(self.precision.device)
        free = not (self.run.config.training.epochs or config.optim.warmup_epochs or config.probe.probe_dir)
        between = self.photographs.seconds(self.model) if rounds > 1 and length.minutes else 0.0
        known = {"free": free, "rounds": rounds, "between": between, "endless": self.data.stream is not None}
        self.course = Course(config.training, updates_per_pass(self.batches, config.training), **known)
        self.painter = build_painter(self.model, config, precision=self.precision, progress=self._progress)
        self.known: KnownMaps | None = None

    def _check_fit(self) -> None:
        """Raise UserError where settings exclude the fit that the data set got."""
        try:
            self.config.check()
            if self.data.fitting.fit == "crop":
                self.model.encoder.check_any_size()
        except UserError as error:
            taken = self.run.config.data.fit == "auto"
            raise UserError(f"{error}{'; --fit auto takes crop here: or give --fit squash' if taken else ''}") from None

    @property
    def headline(self) -> tuple[str, ...]:
        """Columns in the printed line of an epoch: those of pixels where pixels are the task."""
        return (*(("val/psnr", "val/ssim") if self.painter is None else ()), "val/probe/miou")

    def train(self) -> History:
        """Train, validate and save each epoch, and return them; best.pth, last.pth and records are in the folder."""
        self.run.open({split: getattr(self.data, split) for split in SPLITS}, weight_files(self.config))
        for sentence in self.data.notes:
            note(sentence)
        image = read_batch(self.data.train, np.arange(1), self.precision.device).image
        say(write_summary(self.model, image, self.run.folder / "model.txt"))
        if self.begun.loaded:
            say(str(self.begun))
        with in_turn():
            self._keep_maps()
        updater = self._updater()
        state = {"model": self.model, "updater": updater, **({} if self.painter is None else {"painter": self.painter})}
        state |= {"stream": self.batches} if isinstance(self.batches, StreamBatches) else {}
        known = {"state": state, "begin_round": self.begin_round}
        return train(self, run=self.run, updater=updater, batches=self.batches, **known)

    def _keep_maps(self) -> None:
        """Have the teacher's maps of all training images where that pays, and record the choice."""
        if self.config.has_teacher and self.data.stream is None:
            self.known = kept_maps(self.config, self.objective.target, self.data.train)
            loss = replace(self.config.loss, teacher_cache=0.0 if self.known is None else granted(self.config))
            self.config, self.run.config = (replace(config, loss=loss) for config in (self.config, self.run.config))

    def _updater(self) -> Updater:
        plan, optim = self.config.training, self.config.optim
        return Updater(
            self.precision,
            self.model,
            build_optimizer(self._groups(), plan, optim),
            plan,
            course=self.course,
            lr_at=rates(plan, optim, self.course),
            seed=self.config.run.seed,
        )

    def _groups(self) -> list[ParameterGroup]:
        """What the task trains, with the encoder at its own rate where it has one."""
        if (factor := self.config.handover.encoder_lr_factor) == 1:
            return [ParameterGroup(self.model.learners)]
        encoder, *others = self.model.learners
        return [ParameterGroup([encoder], factor), ParameterGroup(others)]

    def _progress(self, batch: int) -> float:
        """How far the training is at a batch, from 0 to 1."""
        return self.course.progress(batch // self.config.training.accumulate)

    def settle(self, plan: TrainingConfig) -> None:
        """Take the length that was settled before the first update into what is recorded."""
        self.config = replace(self.config, training=plan)

    def begin_round(self, number: int, before: Handover, fresh: bool) -> None:
        """Make the pseudo-masks anew with the network of the round before; a `fresh` round begins with it, too."""
        name, file = f"round {number + 1} of {self.course.rounds}", self.run.round_file(number)
        data, told = next_round(self.photographs, self.data, name, before, file=file, device=self.precision.device)
        self.data, self.round, self.batches.pack, self.remarks = data, number, data.train, [told]
        if fresh:
            self.model.load(before.sections, str(file))
        if fresh and self.painter is not None:
            self.painter.restart()

    def begin_epoch(self, epoch: int) -> None:
        """Nothing changes between epochs."""

    def step(self, batch: Batch) -> Mapping[str, Tensor]:
        """The terms of the loss on an augmented batch."""
        with self.run.clock("data"):
            task = self.tasks.training(batch, self.known)
        if self.painter is not None:
            with self.run.clock("picture"):
                self.painter.learn(task.image, task.valid)
        return self.objective(self.network, own(task, len(batch)))

    def trained(self) -> Row:
        """No scores: the terms of the loss say all."""
        return {}

    def report(self, progress: History) -> None:
        """Measure the best epoch on the held-out images, and draw it."""
        from pretrain.report.run_report import report_training  # now: a training begins without matplotlib

        best = load_handover(self.run.folder / "best.pth", kind="autoencoder")
        self.model.load(best.sections, "best.pth")
        info = RunInfo(
            config=self.config,
            handover=best,
            data=data_name(self.config.data),
            packs={split: getattr(self.data, split) for split in SPLITS},
            rows=progress.rows,
            notes=[*self.data.notes, *self.run.notes, *skipped_note(progress.rows)],
            remarks=self.remarks,
            parts=self.run.parts,
            next=after_pretraining(self.run.config, self.run.folder),
        )
        with self.run.reporting():
            known = {"target": self.objective.target, "probe": self.probe}
            report_training(self.run, self.model, info, **known, device=self.precision.device)

    def hand_over(self) -> None:
        """Write the best epoch as ae.pth, in the run's folder and where the user works."""
        write_copies(self.run.folder, self.config)
        say(f"pictures and figures: {self.run.folder}")

    def evaluate(self, epoch: int) -> Row:
        """Reconstruction scores of whole images, the loss on the same task in every epoch, and the linear probe."""
        size, device = self.config.training.batch_size, self.precision.device
        seed_update(self.config.run.seed, VALIDATION)
        tasks = map(self.tasks.validation, Batches(self.data.val, batch_size=size).epoch(0, device))
        loss = mean_loss(partial(self.objective, TrainingForward(self.model)), tasks)
        probed = self.probe(self.model.encoder) if self.probe and self._probes_after(epoch) else {}
        return {**means(score_images(self.model, self.data.val, batch_size=size, device=device)), **loss, **probed}

    def score(self, row: Row) -> float:
        """The negative validation loss, or the probe's mean IoU (NaN in epochs without it)."""
        return -row["val/loss"] if self.config.probe.monitor == "loss" else row.get("val/probe/miou", math.nan)

    def _load_probe(self) -> Probe | None:
        config = self.config.probe
        if config.probe_dir is None or config.probe_every == 0:
            return None
        images = replace(self.config.data, data_dir=config.probe_dir, download=False, images="", masks="", join=None)
        return Probe.load(images, device=self.precision.device, depth=self.data.depth)

    def _probes_after(self, epoch: int) -> bool:
        every = self.config.probe.probe_every
        return every > 0 and ((epoch + 1) % every == 0 or (epoch + 1) % self.course.round_epochs == 0)

    def show(self, history: History) -> None:
        """Show reconstructions of validation images."""
        from pretrain.report.run_report import training_pictures  # now, as in `report`

        neighbours, device = self._probes_after(history.epoch - 1), self.precision.device
        known = {"target": self.objective.target, "device": device, "neighbours": neighbours}
        for name, picture in training_pictures(self.model, self.data.val, self.config, 4, **known).items():
            self.run.picture(name, picture, history.epoch)

    def write_draft(self, history: History) -> None:
        """Write the page as it is after an epoch, with the task of validation images."""
        from pretrain.report.draft import draft  # now, as in `report`

        known = {"target": self.objective.target, "task": self._record(), "device": self.precision.device}
        told = {"seconds": self.run.seconds, "notes": [*self.data.notes, *self.run.notes], "remarks": self.remarks}
        draft(self.model, self.data.val, self.config, history, **known, **told).write(self.run.folder / "report.html")

    def _record(self) -> PretrainingRecord:
        """What the encoder is taught, and what it began with."""
        before, target, painter = self.before, self.objective.target, self.painter
        known = {"teacher": None if target is None else target.taught_by, "rounds": self.round + 1}
        painted = "" if painter is None else str(painter.loss)
        return task_record(self.config, None if before is None else before.task, self.begun, picture=painted, **known)

    def _seen_before(self) -> Sequence[str]:
        """Digests of the images that taught what the encoder began with, and the teacher."""
        target = self.objective.target
        begun = self.begun.train_images if self.before is None else self.before.provenance.train_images
        return [*begun, *(target.train_images if target is not None else ())]

    def handover(self, row: Row) -> AutoencoderHandover:
        """The autoencoder as a file, with the row of its epoch."""
        known = {"task": self._record(), "seen_before": self._seen_before()}
        return handover_of(self.model, self.config, self.data, row, **known)
