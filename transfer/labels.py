"""Subsets of the training images that keep their masks."""

from pathlib import Path

import torch
from torch import Tensor

from common.data.classes import Classes
from common.data.load import LabelledSplits
from common.data.pack import LabelledPack
from common.data.split import label_subset
from common.errors import UserError
from common.run.checkpoint import load_handover
from common.words import counted
from transfer.config import LabelConfig, TransferConfig


def labelled_part(pack: LabelledPack, fraction: float, seed: int) -> LabelledPack:
    """Return the share of the images that keeps its masks; all of them if `fraction` is 1."""
    if fraction == 1:
        return pack
    return pack.take(label_subset(pack.keys, pack.foreground_pixels, fraction=fraction, seed=seed))


def refuse_other_classes(run: Path, classes: Classes) -> None:
    """Raise UserError where the network of a run that goes on tells other classes apart than these."""
    try:
        known = load_handover(run / "best.pth", kind="segmentation").task
    except UserError:  # none yet, or a damaged one, of which the resumption says what to do
        return
    if (known.names, known.background) != (classes.names, classes.background):
        raise UserError(
            f"cannot resume {run} with other classes: it knows {', '.join(known.names)}, --classes says "
            f"{', '.join(classes.names)}"
        )


def training_part(pack: LabelledPack, config: TransferConfig, names: tuple[str, ...]) -> tuple[LabelledPack, Tensor]:
    """Return the training images that keep their masks, and the number of pixels of each class in them.

    Raises UserError if a class has no pixels, and for fewer than two images.
    """
    fraction, images = config.labels.label_fraction, counted(len(pack), "training image")
    pack = labelled_part(pack, fraction, config.run.seed)
    if len(pack) < 2:
        raise UserError(f"{fraction:g} of {images} is too little: two are needed")
    totals = pack.class_pixels.sum(0)
    absent = [name for name, pixels in zip(names, totals, strict=True) if pixels == 0]
    if absent:
        raise UserError(f"no training mask has a pixel of {', '.join(absent)}: check --classes, or add such images")
    return pack, torch.from_numpy(totals)


def masks_used(labels: LabelConfig, data: LabelledSplits, train: LabelledPack, val: LabelledPack) -> list[str]:
    """How many masks are used, where not all are asked for."""
    if labels.label_fraction == labels.val_fraction == 1:
        return []
    of = [counted(len(pack), "mask") for pack in (data.train, data.val)]
    used = f"training uses {len(train)} of {of[0]}, validation {len(val)} of {of[1]}"
    return [f"{used} (--label_fraction {labels.label_fraction:g}, --val_fraction {labels.val_fraction:g})"]
