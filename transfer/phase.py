"""Phase 2 from settings to test figures."""

import sys
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from common.config.load import flatten
from common.data.augment import Augment
from common.data.batches import Batch, Batches, read_batch, sampling_weights, training_batches
from common.data.load import load_labelled
from common.data.pack import LabelledPack
from common.engine.device import make_fabric
from common.engine.loop import History, Updater, updates_per_epoch
from common.engine.optim import build_optimizer, rates
from common.engine.seeding import INITIAL, seed_update
from common.engine.session import Training, compiled, train
from common.figures import curve_figure, save_picture
from common.metrics import confusion, confusion_scores
from common.models.weights import load_sections
from common.report.page import notices
from common.report.selection import spread
from common.rows import Row
from common.run.checkpoint import SegmentationHandover, load_handover, sections_of
from common.run.environment import environment
from common.run.folder import Run
from common.run.notes import convergence_note, data_name
from common.run.plain_data import to_dict
from common.run.records import Input, SegmentationProvenance, SegmentationRecord
from transfer.build import build_network, training_parts
from transfer.config import TransferConfig
from transfer.labels import labelled_part, training_part
from transfer.losses.registry import TERMS
from transfer.losses.segmentation import SegmentationLoss
from transfer.metrics.quality import Quality
from transfer.metrics.scores import Scores
from transfer.report.figures import confusion_figure, quality_figure, sample_grid
from transfer.report.page import RunInfo, ScoredModel, write_page
from transfer.scoring import LossMeans, print_table, save_images, score_network, score_row, silent_for


class Transfer:
    """A segmentation network, its labelled images, and the folder where results are kept."""

    def __init__(self, config: TransferConfig) -> None:
        self.config = config
        self.run = Run("transfer", config)
        self.fabric = make_fabric(config.run)
        self.data = load_labelled(config.data)
        self.names = self.data.classes.names
        self.train_pack, class_pixels = training_part(self.data.train, config, self.names)
        self.val_pack = labelled_part(self.data.val, config.labels.val_fraction, config.run.seed)
        seed_update(config.run.seed, INITIAL)
        self.net, self.receipt, self.source = build_network(config, len(self.names))
        self.before = deepcopy(self.net.encoder) if config.run.report else None
        self.loss = SegmentationLoss(len(self.names), config.loss, class_pixels=class_pixels)
        self.batches = self._training_batches()

    def train(self) -> History:
        """Train until the end or until it stops getting better; best.pth, last.pth and records are in the folder."""
        self.run.open()
        self.run.write_json("receipt.json", to_dict(self.receipt))
        for note in [*self.data.notes, *self.source.leaks(self.data.test)]:
            print(f"note: {note}", file=sys.stderr)
        self._begin_epoch(0)  # so that a frozen encoder is described as one
        print(self.run.record_model(self.net, read_batch(self.train_pack, np.arange(1), "cpu").image))
        print(self.receipt)
        network = self.fabric.setup_module(compiled(self.net, self.config.training))
        self.loss.to(self.fabric.device)
        augment = Augment(self.config.augment, channels=self.config.data.channels)

        def step(batch: Batch) -> Mapping[str, Tensor]:
            image, mask = augment(batch.image, batch.mask)
            assert mask is not None, "labelled data has masks"
            logits = network(image)
            self.counts += confusion(logits.argmax(1), mask, len(self.names)).sum(0)
            return self.loss(logits, mask)

        plan, optim = self.config.training, self.config.optim
        parts = training_parts(self.net, self.receipt, self.config.encoder.layer_decay)
        updater = Updater(
            self.fabric,
            self.net,
            build_optimizer(parts, plan, optim),
            plan,
            lr_at=rates(plan, optim, updates_per_epoch(self.batches, plan)),
            seed=self.config.run.seed,
        )
        training = Training(
            model=self.net,
            step=step,
            evaluate=self._validate,
            score=lambda row: row["val/mean_iou"],
            headline=("val/mean_iou", *(f"val/iou_{name}" for name in self.names)),
            handover=self._handover,
            begin_epoch=self._begin_epoch,
            trained=self._training_scores,
            show=self._show,
        )
        state = {"model": self.net, "loss": self.loss, "updater": updater}
        return train(training, run=self.run, updater=updater, batches=self.batches, state=state)

    def report(self, progress: History) -> None:
        """Measure the best epoch on validation and test images, and draw it."""
        best = load_handover(self.run.folder / "best.pth", kind="segmentation")
        load_sections(self.net, best.sections, "best.pth")
        quality = Quality(len(self.names)) if self.config.run.report else None
        packs = {"test": self.data.test, "val": self.val_pack}
        scores = {split: self._score(pack, watch=quality if split == "test" else None) for split, pack in packs.items()}
        images = {split: len(pack) for split, pack in {"train": self.train_pack, **packs}.items()}
        warnings = [f"class {name} is never predicted" for name in scores["test"].silent_classes]
        content = {split: part.to_dict() for split, part in scores.items()}
        finished = {"best_epoch": progress.best_epoch, "epochs": progress.epoch, "images": images, "warnings": warnings}
        if quality is not None:
            self._draw(progress, scores["test"], quality)
        save_images(self.run.folder, self.data.test, scores["test"])
        self.run.write_json("metrics.json", {**content, **finished})
        page = None if quality is None else self._page(progress, scores["test"], quality, warnings)
        self.run.close()
        print_table(scores["test"], "test")
        for warning in warnings:
            print(f"warning: {warning}")
        print(f"pictures and figures: {self.run.folder}")
        if page is not None:
            print(f"report: {page}")

    def _page(self, progress: History, scores: Scores, quality: Quality, warnings: list[str]) -> Path:
        scored = ScoredModel(
            net=self.net,
            pack=self.data.test,
            data=data_name(self.config.data),
            split="test",
            scores=scores,
            quality=quality,
            device=self.fabric.device,
            batch_size=self.config.training.batch_size,
            seed=self.config.run.seed,
            before=self.before,
            project=self.run.points,
        )
        late = convergence_note(self.config.training, epochs=progress.epoch, best_epoch=progress.best_epoch)
        leaks = self.source.leaks(self.data.test)
        told = RunInfo(
            config=self.config,
            source=self.source.name,
            notices=notices([*warnings, *self.data.notes, *leaks, *late], self.receipt),
            environment=environment(),
            packs={"train": self.train_pack, "val": self.val_pack, "test": self.data.test},
            rows=progress.rows,
            best_epoch=progress.best_epoch,
            receipt=str(self.receipt),
        )
        return write_page(scored, told, self.run.folder / "report.html")

    def _training_batches(self) -> Batches:
        pack, chances = self.train_pack, None
        if self.config.labels.balanced_sampling:
            chances = sampling_weights(pack.class_pixels)
        return training_batches(pack, self.config.training, seed=self.config.run.seed, chances=chances)

    def _begin_epoch(self, epoch: int) -> None:
        encoder, classes = self.net.encoder, len(self.names)
        self.counts = torch.zeros(classes, classes, dtype=torch.int64, device=self.fabric.device)
        encoder.freeze(self.receipt.frozen_levels(epoch, len(encoder.strides)))

    def _score(self, pack: LabelledPack, *, watch: Quality | LossMeans | None = None, bar: bool = True) -> Scores:
        size = self.config.training.batch_size
        return score_network(self.net, pack, self.names, batch_size=size, watch=watch, bar=bar)

    def _validate(self, _: int) -> Row:
        terms = LossMeans(self.loss.eval())
        scores = self._score(self.val_pack, watch=terms, bar=False)
        self.loss.train()
        return {**terms.row(), **score_row(scores)}

    def _training_scores(self) -> Row:
        return {"mean_iou": float(confusion_scores(self.counts.cpu().numpy())["mean_iou"])}

    def _show(self, progress: History) -> str | None:
        shown = range(min(4, len(self.val_pack)))
        picture = sample_grid(self.net, self.val_pack, shown, self.names, device=self.fabric.device)
        self.run.picture("segmentations", picture, progress.epoch)
        silent = silent_for(progress.rows, self.names)
        return f"ALARM: no pixel was taken for {', '.join(silent)} in the last 3 epochs" if silent else None

    def _draw(self, progress: History, scores: Scores, quality: Quality) -> None:
        chosen = spread(len(self.data.test), 8)
        picture = sample_grid(self.net, self.data.test, chosen, self.names, device=self.fabric.device)
        save_picture(picture, self.run.figures / "segmentations_test.png")
        confusion_figure(scores).savefig(self.run.figures / "confusion_test.png", dpi=110)
        quality_figure(quality, scores).savefig(self.run.figures / "quality_test.png", dpi=110)
        ious = ["train/mean_iou", "val/mean_iou", *(f"val/iou_{name}" for name in self.names)]
        terms = [f"train/{term}" for term in TERMS]
        taken = [f"val/predicted_{name}" for name in self.names]
        panels = [["train/loss", "val/loss"], ious, terms, taken, ["lr"], ["train/grad_norm"]]
        known = {name for row in progress.rows for name in row}
        drawn = curve_figure(progress.rows, [panel for panel in panels if known.intersection(panel)])
        drawn.savefig(self.run.figures / "curves.png", dpi=110)

    def _handover(self, row: Row) -> SegmentationHandover:
        values = {str(value): index for value, index in self.data.classes.values.items()}
        return SegmentationHandover(
            architecture=self.net.architecture(),
            sections=sections_of(self.net),
            input=Input(self.config.data.image_size, self.config.data.channels),
            task=SegmentationRecord(self.names, values),
            provenance=SegmentationProvenance(
                config=flatten(self.config),
                environment=environment(),
                validation=row,
                train_images=tuple(self.train_pack.digests),
                encoder=self.receipt,
            ),
        )
