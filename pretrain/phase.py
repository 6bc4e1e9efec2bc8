"""Phase 1 from settings to ae.pth."""

import sys
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from common.checkpoint import Handover, load_handover, save_handover, sections_of
from common.config import flatten
from common.data.augment import Augment
from common.data.batches import Batch, Batches
from common.data.load import load_splits
from common.device import make_fabric
from common.figures import curves, save_picture
from common.models.weights import load_exactly
from common.run import Run, environment
from common.train import INITIAL, Progress, Row, Updater, seed_update, updates_per_epoch
from common.training import Training, compiled, train
from pretrain.build import build_loss, build_model, build_optimizer, rates
from pretrain.config import PretrainConfig
from pretrain.evaluate import evaluate
from pretrain.losses import ReconstructionLoss
from pretrain.report import reconstruction_grid


class Pretraining:
    """An autoencoder, its photographs, and the folder where what it learns is kept."""

    def __init__(self, config: PretrainConfig) -> None:
        self.config = config
        self.run = Run("pretrain", config)
        self.fabric = make_fabric(config.run)
        seed_update(config.run.seed, INITIAL)
        self.model = build_model(config)
        self.loss = build_loss(config.loss)
        self.data = load_splits(config.data, labelled=False)
        self.batches = Batches(
            self.data.train, batch_size=config.training.batch_size, seed=config.run.seed, shuffle=True
        )

    def train(self) -> Progress:
        """Train until the end or until it stops getting better; best.pth, last.pth and records are in the folder."""
        self.run.open()
        for note in self.data.notes:
            print(f"note: {note}", file=sys.stderr)
        network = self.fabric.setup_module(compiled(self.model, self.config.training))
        self.loss.to(self.fabric.device)
        augment = Augment(self.config.augment)

        def step(batch: Batch) -> Mapping[str, Tensor]:
            image, _ = augment(batch.image)
            return self.loss(network(image), image)

        updater = Updater(
            self.fabric,
            self.model,
            build_optimizer(self.model, self.config),
            self.config.training,
            lr_at=rates(self.config, updates_per_epoch(self.batches, self.config.training)),
            seed=self.config.run.seed,
        )
        training = Training(
            model=self.model,
            step=step,
            evaluate=lambda _: self._scores("val", self.loss),
            score=lambda row: -row["val/loss"],
            headline=("val/psnr", "val/ssim"),
            handover=self._handover,
            show=self._show,
        )
        state = {"model": self.model, "updater": updater}
        return train(training, run=self.run, updater=updater, batches=self.batches, state=state)

    def report(self, progress: Progress) -> None:
        """Measure the best epoch on the held-out images, and draw it."""
        best = load_handover(self.run.folder / "best.pth", kind="autoencoder")
        for name, section in best.sections.items():
            load_exactly(self.model.get_submodule(name), section, f"best.pth, {name}")
        scores = {split: self._scores(split) for split in ("test", "val")}
        finished = {"best_epoch": progress.best_epoch, "epochs": progress.epoch}
        for split, pack in (("val", self.data.val), ("test", self.data.test)):
            picture = reconstruction_grid(self.model, pack, device=self.fabric.device)
            save_picture(picture, self.run.figures / f"reconstructions_{split}.png")
        panels = [["train/loss", "val/loss"], ["val/psnr"], ["val/ssim"], ["lr"]]
        curves(progress.rows, panels).savefig(self.run.figures / "curves.png", dpi=110)
        self.run.write_json("metrics.json", {**scores, **finished})
        self.run.close()
        test = scores["test"]
        print(f"test: MSE {test['mse']:.5f}, PSNR {test['psnr']:.2f} dB, SSIM {test['ssim']:.4f}")

    def hand_over(self) -> None:
        """Write the best epoch as ae.pth, in the run's folder and where the user works."""
        best = load_handover(self.run.folder / "best.pth")
        paths = [self.run.folder / "ae.pth"]
        elsewhere = self.config.output.handover_path
        if elsewhere is not None or self.config.run.output_dir is None:
            paths.append(elsewhere or Path("ae.pth"))
        for path in paths:
            replaced = " (replaced the one that was there)" if path.exists() else ""
            save_handover(best, path)
            print(f"encoder: {path}{replaced}")
        print(f"pictures and figures: {self.run.folder}")

    def _scores(self, split: str, loss: ReconstructionLoss | None = None) -> Row:
        pack = getattr(self.data, split)
        size = self.config.training.batch_size
        return evaluate(self.model, pack, batch_size=size, device=self.fabric.device, loss=loss)

    def _show(self, progress: Progress) -> None:
        picture = reconstruction_grid(self.model, self.data.val, device=self.fabric.device, count=4)
        self.run.picture("reconstructions", picture, progress.epoch)

    def _handover(self, row: Row) -> Handover:
        return Handover(
            kind="autoencoder",
            architecture=self.model.architecture(),
            sections=sections_of(self.model),
            input={"image_size": self.config.data.image_size, "channels": 3, "range": [0.0, 1.0]},
            task={"pretext": "plain", "uses_imagenet_labels": self.config.loss.perceptual_weight > 0},
            provenance={
                "config": flatten(self.config),
                "environment": environment(),
                "validation": row,
                "train_images": list(self.data.train.digests),
            },
        )
