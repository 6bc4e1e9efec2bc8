"""Phase 2 from settings to test figures."""

import sys
from collections.abc import Mapping
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor

from common.config.load import flatten
from common.data.augment import Augment
from common.data.batches import Batch, Batches, read_batch, sampling_weights, training_batches
from common.data.load import load_labelled
from common.engine.device import make_fabric
from common.engine.loop import History, Updater, updates_per_epoch
from common.engine.optim import build_optimizer, rates
from common.engine.seeding import INITIAL, seed_update
from common.engine.session import Training, compiled, train
from common.metrics import confusion, confusion_scores
from common.models.weights import load_sections
from common.report.run_info import RunInfo
from common.rows import Row
from common.run.checkpoint import SegmentationHandover, load_handover, sections_of
from common.run.environment import environment
from common.run.folder import Run
from common.run.notes import data_name
from common.run.plain_data import to_dict
from common.run.records import Input, SegmentationProvenance, SegmentationRecord
from transfer.build import build_network, training_parts
from transfer.config import TransferConfig
from transfer.labels import labelled_part, training_part
from transfer.losses.segmentation import SegmentationLoss
from transfer.report.run_report import report_training, training_picture
from transfer.scoring import LossMeans, score_network, score_row, silent_for
from transfer.segmenter import Segmenter


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
        info = RunInfo(
            config=self.config,
            handover=best,
            data=data_name(self.config.data),
            packs={"train": self.train_pack, "val": self.val_pack, "test": self.data.test},
            rows=progress.rows,
            notes=[*self.data.notes, *self.source.leaks(self.data.test)],
            receipt=str(self.receipt),
        )
        report_training(self.run, Segmenter(self.net, best, self.fabric.device), info, before=self.before)

    def _training_batches(self) -> Batches:
        pack, chances = self.train_pack, None
        if self.config.labels.balanced_sampling:
            chances = sampling_weights(pack.class_pixels)
        return training_batches(pack, self.config.training, seed=self.config.run.seed, chances=chances)

    def _begin_epoch(self, epoch: int) -> None:
        encoder, classes = self.net.encoder, len(self.names)
        self.counts = torch.zeros(classes, classes, dtype=torch.int64, device=self.fabric.device)
        encoder.freeze(self.receipt.frozen_levels(epoch, len(encoder.strides)))

    def _validate(self, _: int) -> Row:
        terms, size = LossMeans(self.loss.eval()), self.config.training.batch_size
        scores = score_network(self.net, self.val_pack, self.names, batch_size=size, watch=terms, bar=False)
        self.loss.train()
        return {**terms.row(), **score_row(scores)}

    def _training_scores(self) -> Row:
        return {"mean_iou": float(confusion_scores(self.counts.cpu().numpy())["mean_iou"])}

    def _show(self, progress: History) -> str | None:
        picture = training_picture(self.net, self.val_pack, self.names, device=self.fabric.device)
        self.run.picture("segmentations", picture, progress.epoch)
        silent = silent_for(progress.rows, self.names)
        return f"ALARM: no pixel was taken for {', '.join(silent)} in the last 3 epochs" if silent else None

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
