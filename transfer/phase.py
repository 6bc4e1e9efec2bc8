"""Phase 2 from settings to test figures."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from common.config.groups import TrainingConfig
from common.config.load import flatten
from common.data.augment import Augment
from common.data.batches import Batch, Batches, read_batch, sampling_weights, training_batches
from common.data.pack import LabelledPack
from common.doctor.short import in_short
from common.engine.budget import Course, settled
from common.engine.loop import Updater, updates_per_pass
from common.engine.optim import build_optimizer, rates
from common.engine.precision import make_precision
from common.engine.seeding import INITIAL, seed_update
from common.engine.session import compiled, train
from common.metrics import classes_of, confusion, confusion_scores
from common.models.folded import folded
from common.models.summary import write_summary
from common.models.synced import synced
from common.ranks.group import own, total
from common.ranks.join import in_turn
from common.report.run_info import RunInfo
from common.rows import Row
from common.run.checkpoint import SegmentationHandover, sections_of
from common.run.claim import RunFolder
from common.run.environment import environment
from common.run.folder import Run
from common.run.history import History
from common.run.input import Input
from common.run.notes import data_name, skipped_note
from common.run.plain_data import to_dict
from common.run.records import SegmentationProvenance, SegmentationRecord
from common.say import note, say
from transfer.build import build_network, training_parts
from transfer.calibration.best import best_network
from transfer.config import TransferConfig
from transfer.labels import labelled_part, masks_used, refuse_other_classes, training_part
from transfer.losses.segmentation import SegmentationLoss
from transfer.metrics.scores import Scores
from transfer.model import SegmentationNet
from transfer.next_steps import after_training
from transfer.pool.open import open_pool
from transfer.receipt import refuse_other_source
from transfer.scoring import LossMeans, newly_silent, score_network, score_row
from transfer.source import load_images


class Transfer:
    """A segmentation network, its labelled images, and the folder where results are kept."""

    def __init__(self, config: TransferConfig, held: RunFolder, *, folds: int = 1) -> None:
        self.run, self.folds = Run(held, config), folds
        self.precision = make_precision(config.run)
        self.data = load_images(config)
        self.config = config = replace(config, data=replace(config.data, **self.data.fitting.settings))
        self.names = self.data.classes.names
        self.train_pack, class_pixels = training_part(self.data.train, config, self.names)
        length = settled(config.training, len(self.train_pack), least=config.pool.least_updates, share=folds)
        self.config = config = replace(config, training=length)
        self.val_pack = labelled_part(self.data.val, config.labels.val_fraction, config.run.seed)
        seed_update(config.run.seed, INITIAL)
        self.net, self.receipt, self.source = build_network(config, self.names, self.data.classes.background)
        synced(self.net, wanted=config.ranks.sync_batchnorm)
        if config.run.resume:
            refuse_other_classes(self.run.folder, self.data.classes)
            refuse_other_source(self.run.folder, self.receipt)
        self.before = deepcopy(self.net.encoder) if config.run.report else None
        self.chosen = self.net  # what is saved and shown: the network, or the teacher of photographs
        self.loss = SegmentationLoss(len(self.names), config.loss, class_pixels=class_pixels)
        self.batches = self._training_batches()
        self.augment = Augment(config.augment, channels=config.data.channels)
        self.network = self.precision.place(compiled(self.net, config.training))
        self.loss.to(self.precision.device)
        packs = (self.data, self.train_pack, self.val_pack)
        self.pool = open_pool(config, self.net, *packs, self.precision)
        self.counts = torch.zeros(len(self.names), len(self.names), dtype=torch.int64, device=self.precision.device)
        """Pixels of the epoch's training by class and prediction."""

    @property
    def headline(self) -> tuple[str, ...]:
        """Mean IoU, with photographs that of both first, then of each class, the background last: lines may be cut."""
        background = self.data.classes.background
        names = sorted(self.names, key=lambda name: self.names.index(name) == background)
        both = () if self.pool is None else ("val/both_mean_iou",)
        return (*both, "val/mean_iou", *(f"val/iou_{name}" for name in names))

    def train(self) -> History:
        """Train, validate and save each epoch, and return them; best.pth, last.pth and records are in the folder."""
        self.run.open(self.packs if self.pool is None else {**self.packs, "unlabelled": self.pool.pack})
        self.run.write_json("receipt.json", to_dict(self.receipt))
        used = masks_used(self.config.labels, self.data, self.train_pack, self.val_pack)
        short = in_short(self.packs, self.names, one_split=self.config.data.folds is None)  # before a night is lost
        for sentence in (*self._notes(), *used, *short):
            note(sentence)
        self.begin_epoch(0)  # so that a frozen encoder is described as one
        image = read_batch(self.train_pack, np.arange(1), self.precision.device).image
        say(write_summary(self.net, image, self.run.folder / "model.txt"))
        say(self.receipt)
        self.updater = updater = self._updater()
        pool = {} if self.pool is None else {"pool": self.pool}
        state = {"model": self.net, "loss": self.loss, "updater": updater, **pool}
        return train(self, run=self.run, updater=updater, batches=self.batches, state=state)

    @property
    def packs(self) -> dict[str, LabelledPack]:
        """The images with masks, by split."""
        return {"train": self.train_pack, "val": self.val_pack, "test": self.data.test}

    def settle(self, plan: TrainingConfig) -> None:
        """Take the length that was settled before the first update into what is recorded."""
        self.config = replace(self.config, training=plan)
        if plan.epochs != self.receipt.epochs:
            self.receipt = replace(self.receipt, epochs=plan.epochs)
            self.run.write_json("receipt.json", to_dict(self.receipt))

    def _notes(self) -> list[str]:
        pool = [] if self.pool is None else self.pool.notes
        return [*self.data.notes, *self.source.leaks(self.data.test), *pool]

    def _updater(self) -> Updater:
        plan, optim, typed = self.config.training, self.config.optim, self.run.config
        frozen = self.receipt.frozen_levels(0, len(self.net.encoder.strides))
        free = not (typed.training.epochs or typed.optim.warmup_epochs or frozen)
        course = Course(plan, updates_per_pass(self.batches, plan), free=free)
        parts = training_parts(self.net, self.receipt, self.config.encoder.layer_decay)
        return Updater(
            self.precision,
            self.net,
            build_optimizer(parts, plan, optim),
            plan,
            course=course,
            lr_at=rates(plan, optim, course),
            seed=self.config.run.seed,
        )

    def begin_epoch(self, epoch: int) -> None:
        """Freeze the levels of the encoder that the receipt says, and count pixels anew."""
        self.counts.zero_()
        self.net.encoder.freeze(self.receipt.frozen_levels(epoch, len(self.net.encoder.strides)))

    def step(self, batch: Batch) -> Mapping[str, Tensor]:
        """The terms of the loss on an augmented batch, whose pixels are counted for `trained`."""
        with self.run.clock("data"):
            image, mask = self.augment(batch.image, batch.mask)
        assert mask is not None, "labelled data has masks"
        lesson = None if self.pool is None else self.pool.lesson(self.net, self.updater)
        image, mask = own((image, mask), len(image))
        logits = self.network(image if lesson is None else torch.cat([image, lesson.image]))
        ours = logits[: len(image)]
        self.counts += confusion(classes_of(ours), mask, len(self.names)).sum(0)
        terms = self.loss(ours, mask)
        return terms if lesson is None else lesson.added(terms, logits[len(image) :])

    def trained(self) -> Row:
        """Mean IoU over the pixels of the epoch's training, each predicted before its update; what photographs gave."""
        row = {"mean_iou": float(confusion_scores(total(self.counts).cpu().numpy())["mean_iou"])}
        return row if self.pool is None else {**row, **self.pool.trained()}

    def report(self, progress: History) -> None:
        """Measure the best epoch on validation and test images, and draw it."""
        from transfer.report.photographs import photograph_blocks
        from transfer.report.run_report import report_training  # now: a training begins without matplotlib

        model = best_network(self.run.folder, self.net, self.val_pack, self.config, device=self.precision.device)
        counts = {"images": self.data.count, "masks": len(self.train_pack)}
        info = RunInfo(
            config=self.config,
            handover=model.handover,
            data=data_name(self.config.data),
            packs=self.packs,
            rows=progress.rows,
            notes=[*self._notes(), *self.run.notes, *skipped_note(progress.rows)],
            receipt=str(self.receipt),
            next=after_training(self.run.config, self.run.folder, **counts) if self.folds == 1 else [],
            parts=self.run.parts,
        )
        with self.run.reporting():
            pool = None if self.pool is None else partial(photograph_blocks, self.pool, self.names)
            report_training(self.run, model, info, labelled=self.data.count, before=self.before, photographs=pool)

    def _training_batches(self) -> Batches:
        pack, balanced = self.train_pack, self.config.labels.balanced_sampling
        chances = sampling_weights(pack.foreground_pixels) if balanced else None
        seed, scales = self.config.run.seed, self.config.data.crop_scale
        return training_batches(pack, self.config.training, seed=seed, chances=chances, scales=scales)

    def evaluate(self, epoch: int) -> Row:  # noqa: ARG002
        """Scores and the terms of the loss on the validation images."""
        if self.pool is None:
            return self._scored(self.net)[0]
        self.pool.follow(self.net, self.updater.update)
        found = {network: self._scored(network) for network in (self.net, self.pool.teacher_network)}
        self.chosen, (row, _) = max(found.items(), key=lambda item: item[1][0]["mean_iou"])
        return {**row, **self.pool.judged(*(scores for _, scores in found.values()))}

    def _scored(self, network: SegmentationNet) -> tuple[Row, Scores]:
        terms, size = LossMeans(self.loss.eval()), self.config.training.batch_size
        scores = score_network(folded(network), self.val_pack, self.names, batch_size=size, watch=terms, bar=False)
        self.loss.train()
        return {**terms.row(), **score_row(scores)}, scores

    def score(self, row: Row) -> float:
        """Mean IoU on the validation images; with photographs see `Pool.score`."""
        return row["val/mean_iou"] if self.pool is None else self.pool.score(row, self.config.training.epochs)

    def show(self, history: History) -> str | None:
        """Show predictions on validation images; return an alarm where a class is never predicted, once for each."""
        from transfer.report.run_report import training_picture  # now, as in `report`

        picture = training_picture(self.chosen, self.val_pack, self.names, device=self.precision.device)
        self.run.picture("segmentations", picture, history.epoch)
        silent = newly_silent(history.rows, self.names)
        alarms = [] if self.pool is None else self.pool.guard.alarms()
        alarms += [f"ALARM: no pixel was taken for {', '.join(silent)} in the last 3 epochs"] if silent else []
        return "\n".join(alarms) or None

    def write_draft(self, history: History) -> None:
        """Write the page as it is after an epoch, with validation images."""
        from transfer.report.draft import draft  # now, as in `report`

        known = {"receipt": self.receipt, "names": self.names, "device": self.precision.device}
        told = {"seconds": self.run.seconds, "notes": [*self._notes(), *self.run.notes]}
        draft(self.chosen, self.val_pack, self.config, history, **known, **told).write(self.run.folder / "report.html")

    def handover(self, row: Row) -> SegmentationHandover:
        """The network as a file, with the row of its epoch."""
        data, values = self.config.data, {str(value): index for value, index in self.data.classes.values.items()}
        return SegmentationHandover(
            architecture=self.net.architecture(),
            sections=sections_of(self.chosen),
            input=Input(data.image_size, data.channels, depth=self.data.depth, **self.data.fitting.settings),
            task=SegmentationRecord(self.names, values, self.data.classes.background),
            provenance=SegmentationProvenance(
                config=flatten(self.config),
                environment=environment(),
                validation=row,
                train_images=tuple(self.train_pack.digests),
                encoder=self.receipt,
                earlier_images=tuple(sorted(self.source.train_images)),
                photographs=() if self.pool is None else self.pool.pack.digests,
            ),
        )


def train_run(config: TransferConfig, held: RunFolder, *, folds: int = 1) -> None:
    """Train, report, and mark the run in its folder as finished. Several `folds` share the minutes and a next step."""
    with in_turn():
        phase = Transfer(config, held, folds=folds)
    progress = phase.train()
    if held.leads:
        phase.report(progress)
        held.finish()
