"""The embedded data set: synthetic pets, drawn at the size and told by the classes that a run wants."""

from dataclasses import replace

import numpy as np

from common.config.groups import DataConfig
from common.data.classes import Classes
from common.data.fitting import Fitting
from common.data.pack import LabelledPack
from common.data.ragged import of_one_size
from common.data.samples import SPLITS
from common.data.split import split_fractions, split_keys
from common.data.synthetic.pets import synthetic_pets
from common.data.values import UNKNOWN
from common.errors import UserError, brief

SYNTHETIC = "synthetic"
"""The name of their layout."""
SYNTHETIC_SEED = 0  # the embedded data set is one data set: --split_seed deals it out, and does not redraw it


def embedded_pets(config: DataConfig) -> LabelledPack:
    """The embedded pets. Raises UserError for settings that do not fit them."""
    if config.download:
        raise UserError("--download needs a folder to download to: name it with --data_dir")
    if config.channels != 3:
        raise UserError(f"the embedded pets have 3 channels, not {config.channels}: name your images with --data_dir")
    if config.of_crops:
        raise UserError(f"--{config.of_crops[0]} is for images in files: name them with --data_dir")
    return synthetic_pets(config.synthetic_count, config.image_size, seed=SYNTHETIC_SEED)


def fitting_of_pets(config: DataConfig) -> Fitting:
    """How the embedded pets, which are squares, fit: as the settings say."""
    return Fitting(config.image_size, "squash" if config.fit == "auto" else config.fit)


def as_classes(pack: LabelledPack, classes: Classes) -> LabelledPack:
    """The pets with the classes that their mask values mean. Raises UserError for a value that the classes lack."""
    masks = classes.table.apply(of_one_size(pack.masks))
    if (masks == UNKNOWN).any():
        raise UserError(
            "the embedded pets hold the mask values 0, 1, 2 and 255, but --classes maps only "
            f"{brief(list(classes.values))}"
        )
    counts = [(masks == index).sum(axis=(1, 2), dtype=np.int64) for index in range(classes.num_classes)]
    return replace(pack, masks=masks, class_pixels=np.stack(counts, axis=1), background=classes.background)


def embedded_parts(config: DataConfig) -> list[LabelledPack]:
    """The embedded pets for training, validation and test. Raises UserError as `embedded_pets`."""
    pets, fractions = embedded_pets(config), split_fractions(config, SYNTHETIC)
    indices = split_keys(pets.keys, [None] * len(pets), seed=config.split_seed, fractions=fractions)
    return [pets.take(indices[split]) for split in SPLITS]
