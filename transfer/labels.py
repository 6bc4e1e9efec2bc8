"""Which images keep their masks."""

import torch
from torch import Tensor

from common.data.pack import LabelledPack
from common.data.split import label_subset
from common.errors import UserError
from transfer.config import TransferConfig


def labelled_part(pack: LabelledPack, fraction: float, seed: int) -> LabelledPack:
    """The share of some images that keep their masks; they themselves where it is 1."""
    if fraction == 1:
        return pack
    return pack.take(label_subset(pack.keys, pack.class_pixels, fraction=fraction, seed=seed))


def training_part(pack: LabelledPack, config: TransferConfig, names: tuple[str, ...]) -> tuple[LabelledPack, Tensor]:
    """The training images that keep their masks, and how many pixels each class has in them.

    Raises UserError when a class has none.
    """
    pack = labelled_part(pack, config.labels.label_fraction, config.run.seed)
    totals = pack.class_pixels.sum(0)
    absent = [name for name, pixels in zip(names, totals, strict=True) if pixels == 0]
    if absent:
        raise UserError(f"no training mask has a pixel of {', '.join(absent)}: check --classes, or add such images")
    return pack, torch.from_numpy(totals)
