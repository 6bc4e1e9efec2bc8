"""From a folder, or from nothing, to three packs: train, val and test."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from common.config.groups import DataConfig
from common.data.cache import open_pack
from common.data.classes import BINARY, UNKNOWN, Classes
from common.data.download import fetch_oxford
from common.data.layouts import SPECIES_MASKS, find_dataset, resolve_classes
from common.data.pack import Pack
from common.data.samples import Sample, SplitName
from common.data.split import FOLDER_FRACTIONS, LABELLED_FRACTIONS, split_keys, split_samples
from common.data.synthetic.pets import synthetic_pets
from common.errors import UserError, abbreviate
from common.files import default_cache_dir

SYNTHETIC = "synthetic"
SYNTHETIC_SEED = 0  # the embedded data set is one data set: --split_seed deals it out, and does not redraw it


@dataclass(frozen=True, eq=False)
class Splits:
    """A data set ready for use, with notes that its user should read; `classes` is None without labels."""

    train: Pack
    val: Pack
    test: Pack
    classes: Classes | None
    layout: str
    notes: tuple[str, ...]
    files: Mapping[SplitName, Sequence[Sample]]
    """Where the images of each part come from, unreadable ones too; empty for the embedded ones."""


def load_splits(config: DataConfig, *, labelled: bool) -> Splits:
    """Finds, splits and decodes a data set; a second call finds it decoded.

    With `config.download` the Oxford pets are fetched first. Without `labelled` no mask file is opened; the
    splits are the same. Raises `UserError` for what
    `find_dataset`, `split_samples` and `open_pack` refuse, and for binary masks in which 255 may mean two
    things.
    """
    if config.data_dir is None:
        if config.download:
            raise UserError("--download needs a folder to download to: name it with --data_dir")
        return _load_synthetic(config, labelled)
    if config.download:
        fetch_oxford(config.data_dir)
    dataset = find_dataset(config.data_dir, classes=config.classes, labelled=labelled)
    samples = split_samples(dataset.samples, seed=config.split_seed, fractions=_fractions(config, dataset.layout))
    packs = {
        split: open_pack(
            samples[split],
            size=config.image_size,
            channels=config.channels,
            num_classes=dataset.classes.num_classes if dataset.classes else None,
            cache_dir=config.cache_dir or default_cache_dir(),
            num_workers=config.num_workers,
            skip_bad_files=config.skip_bad_files,
        )
        for split in samples
    }
    if dataset.classes is BINARY:
        _refuse_ambiguous_255(packs.values(), config.data_dir)
    left_out = tuple(f"left out: {reason}" for pack in packs.values() for reason in pack.bad_files)
    notes = (*dataset.notes, *left_out, *_leaks(**packs))
    return Splits(**packs, classes=dataset.classes, layout=dataset.layout, notes=notes, files=samples)


def _fractions(config: DataConfig, layout: str) -> tuple[float, float, float]:
    _, val, test = FOLDER_FRACTIONS if layout == "folder" else LABELLED_FRACTIONS
    val = config.val_share or val
    if val + test >= 1:
        raise UserError(f"--val_share {val} leaves nothing to train on beside {test:.0%} for testing: lower it")
    return 1 - val - test, val, test


def _load_synthetic(config: DataConfig, labelled: bool) -> Splits:
    pets = synthetic_pets(config.synthetic_count, config.image_size, seed=SYNTHETIC_SEED)
    if config.channels != 3:
        raise UserError(f"the embedded pets have 3 channels, not {config.channels}: name your images with --data_dir")
    classes = resolve_classes(config.classes, "species", SPECIES_MASKS) if labelled else None
    pets = _as_classes(pets, classes) if classes else replace(pets, masks=None, class_pixels=None)
    fractions = _fractions(config, SYNTHETIC)
    indices = split_keys(pets.keys, [None] * len(pets), seed=config.split_seed, fractions=fractions)
    packs = {split: pets.take(indices[split]) for split in indices}
    return Splits(**packs, classes=classes, layout=SYNTHETIC, notes=(), files={})


def _as_classes(pack: Pack, classes: Classes) -> Pack:
    assert pack.masks is not None
    masks = classes.lookup[pack.masks]
    if (masks == UNKNOWN).any():
        raise UserError(
            f"the embedded pets hold the mask values 0, 1, 2 and 255, but --classes maps only {sorted(classes.values)}"
        )
    counts = [(masks == index).sum(axis=(1, 2), dtype=np.int64) for index in range(classes.num_classes)]
    return replace(pack, masks=masks, class_pixels=np.stack(counts, axis=1))


def _refuse_ambiguous_255(packs: Iterable[Pack], root: Path) -> None:
    values = {value for pack in packs for value in pack.mask_values}
    if {1, 255} <= values:
        raise UserError(
            f"the masks in {root} hold both 1 and 255, so 255 may be foreground or ignored border; say "
            "which with --classes and a YAML file, such as 'names: [background, foreground]' and "
            "'values: {0: 0, 1: 1, 255: ignore}'"
        )


def _leaks(train: Pack, val: Pack, test: Pack) -> tuple[str, ...]:
    """A sentence if test images are, byte for byte, also used for training or for choosing the best epoch."""
    seen = {*train.digests, *val.digests}
    copies = [key for key, digest in zip(test.keys, test.digests, strict=True) if digest in seen]
    if not copies:
        return ()
    return (
        f"{len(copies)} of {len(test)} test images are copies of training or validation images, so the "
        f"test figures flatter: {abbreviate(copies)}",
    )
