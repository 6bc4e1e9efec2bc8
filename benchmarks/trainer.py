"""segmentation_models_pytorch as people train it with Lightning: a module, a DataLoader and a Trainer."""

import logging
import warnings
from collections.abc import Callable

import torch
from lightning import LightningModule, Trainer  # pyright: ignore[reportMissingImports]
from segmentation_models_pytorch import Unet
from torch import Tensor
from torch.utils.data import DataLoader

from benchmarks import plain


class Segmentation(LightningModule):
    """MobileNetV2 in a U-Net, with the losses of the plain loop."""

    def __init__(self) -> None:
        super().__init__()
        self.network = Unet("mobilenet_v2", encoder_weights=None, classes=3)

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        """The loss of a batch."""
        return plain.segmentation_loss(self.network, *batch, fast=False)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam, as the plain loop has it."""
        return torch.optim.Adam(self.parameters(), lr=1e-3)


def lightning_turn(pictures: plain.Pictures, batch_size: int, updates: int) -> Callable[[], int]:
    """What trains on by so many updates, as an epoch of one Trainer; returns the number of images."""
    loader = DataLoader(pictures, batch_size=batch_size, shuffle=True, drop_last=True)
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    off = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    trainer = Trainer(accelerator="cpu", devices=1, max_epochs=0, limit_train_batches=updates, **off)
    module = Segmentation()

    def turn() -> int:
        trainer.fit_loop.max_epochs = trainer.current_epoch + 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on workers of the DataLoader: the other loops have none either
            trainer.fit(module, loader)
        return updates * batch_size

    return turn
