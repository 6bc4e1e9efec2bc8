"""Phase 1 from settings to ae.pth."""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from common.config.load import flatten
from common.data.augment import Augment
from common.data.batches import Batch, Batches, read_batch, training_batches
from common.data.samples import SPLITS
from common.embedding import level_ranks
from common.engine.device import make_fabric
from common.engine.loop import History, Updater, updates_per_epoch
from common.engine.optim import ParameterGroup, build_optimizer, rates
from common.engine.seeding import INITIAL, VALIDATION, seed_update
from common.engine.session import Training, compiled, train
from common.figures import curve_figure, save_picture
from common.report.selection import sampled
from common.rows import Means, Row
from common.run.checkpoint import AutoencoderHandover, load_handover, save_handover
from common.run.environment import environment
from common.run.folder import Run
from common.run.notes import convergence_note, data_name
from common.run.plain_data import to_dict
from common.run.records import Input, Provenance
from pretrain.build import build_model, build_objective, build_target, build_tasks, start_from
from pretrain.config import PretrainConfig
from pretrain.losses.registry import PseudoMaskSettings
from pretrain.model import TrainingForward
from pretrain.pretexts.task import Task
from pretrain.probe.probe import Probe
from pretrain.pseudo_masks.photographs import load_photographs
from pretrain.record import task_record
from pretrain.report.figures import picture_sheets, reconstruction_grid
from pretrain.report.page import RunInfo, ScoredModel, write_page
from pretrain.scoring import means, score_images

RANKED = 500
"""Test images, at most, whose features say into how many directions they spread."""
ALONE = ("train/loss", "train/grad_norm")
"""What is not a term of the loss, and has a panel of its own among the curves."""


def _panels(rows: Sequence[Row]) -> list[list[str]]:
    """Which columns the panels of the curves show; not every epoch has been probed."""
    names = dict.fromkeys(name for row in rows for name in row)
    terms = [name for name in names if name.startswith("train/") and name not in ALONE]
    probes = [name for name in names if name.startswith("val/probe/")]
    panels = [["train/loss", "val/loss"], terms, ["val/psnr", "val/psnr_no_skips"], ["val/ssim"], probes]
    return [panel for panel in [*panels, ["lr"], ["train/grad_norm"]] if panel]


class Pretraining:
    """An autoencoder, its photographs, and the folder where what it learns is kept."""

    def __init__(self, config: PretrainConfig) -> None:
        self.config = config
        self.run = Run("pretrain", config)
        self.fabric = make_fabric(config.run)
        seed_update(config.run.seed, INITIAL)
        target = build_target(config)
        seed_update(config.run.seed, INITIAL)  # so that all targets begin with the same encoder
        self.model = build_model(config, target)
        self.before = start_from(self.model, config)
        self.objective = build_objective(config, target)
        taught = config.settings(PseudoMaskSettings).pseudo_mask_from == "start_from"
        self.data = load_photographs(config, self.model.to(self.fabric.device) if taught else None)
        self.make_task = build_tasks(config)
        self.augment = Augment(config.augment, channels=config.data.channels)
        self.probe = self._load_probe()
        self.batches = training_batches(self.data.train, config.training, seed=config.run.seed)

    def train(self) -> History:
        """Train until the end or until it stops getting better; best.pth, last.pth and records are in the folder."""
        self.run.open()
        for note in self.data.notes:
            print(f"note: {note}", file=sys.stderr)
        print(self.run.record_model(self.model, read_batch(self.data.train, np.arange(1), "cpu").image))
        network = self.fabric.setup_module(compiled(TrainingForward(self.model), self.config.training))
        self.objective.to(self.fabric.device)

        def step(batch: Batch) -> Mapping[str, Tensor]:
            return self.objective(network, self._task(*self.augment(batch.image, batch.mask), batch))

        plan, optim = self.config.training, self.config.optim
        updater = Updater(
            self.fabric,
            self.model,
            build_optimizer([ParameterGroup([self.model])], plan, optim),
            plan,
            lr_at=rates(plan, optim, updates_per_epoch(self.batches, plan)),
            seed=self.config.run.seed,
        )
        training = Training(
            model=self.model,
            step=step,
            evaluate=self._validate,
            score=self._score,
            headline=("val/psnr", "val/ssim", "val/probe/miou"),
            handover=self._handover,
            show=self._show,
        )
        state = {"model": self.model, "updater": updater}
        return train(training, run=self.run, updater=updater, batches=self.batches, state=state)

    def report(self, progress: History) -> None:
        """Measure the best epoch on the held-out images, and draw it."""
        best = load_handover(self.run.folder / "best.pth", kind="autoencoder")
        self.model.load(best.sections, "best.pth")
        images = self._image_scores("test", doing="scoring")
        scores = {"test": means(images), "val": means(self._image_scores("val"))}
        finished = {"best_epoch": progress.best_epoch, "epochs": progress.epoch}
        if self.config.run.report:
            self._draw(progress)
        self.run.write_json("metrics.json", {**scores, **finished, "task": to_dict(best.task)})
        page = self._page(progress, images, best) if self.config.run.report else None
        self.run.close()
        test = scores["test"]
        print(f"test: MSE {test['mse']:.5f}, PSNR {test['psnr']:.2f} dB, SSIM {test['ssim']:.4f}")
        if page is not None:
            print(f"report: {page}")

    def _draw(self, progress: History) -> None:
        test = reconstruction_grid(
            self.model, self.data.test, range(min(8, len(self.data.test))), device=self.fabric.device
        )
        pictures = {f"{name}_val": picture for name, picture in self._sheets(8, neighbours=True).items()}
        for name, picture in {**pictures, "reconstructions_test": test}.items():
            save_picture(picture, self.run.figures / f"{name}.png")
        curve_figure(progress.rows, _panels(progress.rows)).savefig(self.run.figures / "curves.png", dpi=110)

    def _page(self, progress: History, images: Mapping[str, np.ndarray], best: AutoencoderHandover) -> Path:
        encoder, size, device = self.model.encoder, self.config.training.batch_size, self.fabric.device
        some = self.data.test.take(sampled(len(self.data.test), RANKED, seed=self.config.run.seed))
        ranks = level_ranks(encoder, some, batch_size=size, device=device)
        levels = [
            {"stride": s, "channels": c, "rank": rank, "probe_miou": None}
            for s, c, rank in zip(encoder.strides, encoder.channels, ranks, strict=True)
        ]
        looked = ScoredModel(
            model=self.model,
            pack=self.data.test,
            data=data_name(self.config.data),
            split="test",
            scores=images,
            levels=levels,
            names=None,
            device=device,
            batch_size=size,
            project=self.run.points,
        )
        late = convergence_note(self.config.training, epochs=progress.epoch, best_epoch=progress.best_epoch)
        told = RunInfo(
            config=self.config,
            task=best.task,
            warnings=[*self.data.notes, *late],
            environment=environment(),
            packs={split: getattr(self.data, split) for split in SPLITS},
            rows=progress.rows,
            best_epoch=progress.best_epoch,
        )
        return write_page(looked, told, self.run.folder / "report.html")

    def hand_over(self) -> None:
        """Write the best epoch as ae.pth, in the run's folder and where the user works."""
        best = load_handover(self.run.folder / "best.pth")
        paths = [self.run.folder / "ae.pth"]
        elsewhere = self.config.handover.handover_path
        if elsewhere is not None or self.config.run.output_dir is None:
            paths.append(elsewhere or Path("ae.pth"))
        for path in paths:
            replaced = " (replaced the one that was there)" if path.exists() else ""
            save_handover(best, path)
            print(f"encoder: {path}{replaced}")
        print(f"pictures and figures: {self.run.folder}")

    def _image_scores(self, split: str, *, doing: str = "") -> dict[str, Float[np.ndarray, " n"]]:
        pack, size = getattr(self.data, split), self.config.training.batch_size
        return score_images(self.model, pack, batch_size=size, device=self.fabric.device, doing=doing)

    def _validate(self, epoch: int) -> Row:
        """How well whole images are rebuilt, the loss on the pretext's task (the same in every epoch), the probe."""
        terms, network = Means(), TrainingForward(self.model)
        seed_update(self.config.run.seed, VALIDATION)
        batches = Batches(self.data.val, batch_size=self.config.training.batch_size)
        for batch in batches.epoch(0, self.fabric.device):
            loss = self.objective(network, self._task(batch.image, batch.mask, batch))["loss"]
            terms.add({"loss": loss.item()}, len(batch))
        probed = self.probe(self.model.encoder) if self.probe and self._probes_after(epoch) else {}
        return {**means(self._image_scores("val")), **terms.row(), **probed}

    def _task(self, image: Float[Tensor, "n c h w"], foreground: Int64[Tensor, "n h w"] | None, batch: Batch) -> Task:
        """The pretext's task on a view of a batch, with another view of it where two are compared."""
        two = any(objective.views == 2 for objective in self.config.side.values())
        return self.make_task(image, foreground, self.augment(batch.image, batch.mask) if two else None)

    def _score(self, row: Row) -> float:
        """What chooses the best epoch: higher is better, NaN where it was not measured."""
        return -row["val/loss"] if self.config.probe.monitor == "loss" else row.get("val/probe/miou", math.nan)

    def _load_probe(self) -> Probe | None:
        config = self.config.probe
        if config.probe_dir is None or config.probe_every == 0:
            return None
        return Probe.load(
            replace(self.config.data, data_dir=config.probe_dir, download=False), device=self.fabric.device
        )

    def _probes_after(self, epoch: int) -> bool:
        every = self.config.probe.probe_every
        return every > 0 and ((epoch + 1) % every == 0 or epoch + 1 == self.config.training.epochs)

    def _show(self, progress: History) -> None:
        for name, picture in self._sheets(4, neighbours=self._probes_after(progress.epoch - 1)).items():
            self.run.picture(name, picture, progress.epoch)

    def _sheets(self, count: int, *, neighbours: bool) -> dict[str, UInt8[np.ndarray, "h w 3"]]:
        seed_update(self.config.run.seed, VALIDATION)  # the same patches are hidden in every epoch
        device, tasks = self.fabric.device, self.make_task
        return picture_sheets(self.model, self.data.val, tasks, count, device=device, neighbours=neighbours)

    def _seen_before(self) -> Sequence[str]:
        """Digests of the images that the autoencoder of --start_from was trained on."""
        return self.before.provenance.train_images if self.before is not None else ()

    def _handover(self, row: Row) -> AutoencoderHandover:
        return AutoencoderHandover(
            architecture=self.model.architecture(),
            sections=self.model.sections(),
            input=Input(self.config.data.image_size, self.config.data.channels),
            task=task_record(self.config, None if self.before is None else self.before.task),
            provenance=Provenance(
                config=flatten(self.config),
                environment=environment(),
                validation=row,
                train_images=tuple(dict.fromkeys([*self.data.train.digests, *self._seen_before()])),
            ),
        )
