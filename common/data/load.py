"""From a folder, or from nothing, to three packs: train, val and test."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from common.config.groups import DataConfig, LabelledDataConfig
from common.data.cache import PackSpec, open_labelled_pack, open_pack
from common.data.classes import BINARY, SPECIES_MASKS, Classes, resolve_classes
from common.data.download import fetch_oxford
from common.data.folds import fold_parts
from common.data.layouts.registry import Patterns, find_dataset
from common.data.lost import LOST, lost_notes
from common.data.pack import LabelledPack, Pack
from common.data.samples import SPLITS, Dataset, Sample, SplitName
from common.data.split import FOLDER_FRACTIONS, LABELLED_FRACTIONS, split_keys, split_samples
from common.data.synthetic.pets import synthetic_pets
from common.data.values import UNKNOWN
from common.errors import UserError, abbreviate, brief
from common.files import default_cache_dir
from common.words import counted

SYNTHETIC = "synthetic"
SYNTHETIC_SEED = 0  # the embedded data set is one data set: --split_seed deals it out, and does not redraw it


@dataclass(frozen=True, eq=False, kw_only=True)
class Splits:
    """A data set ready for use."""

    train: Pack
    val: Pack
    test: Pack
    classes: Classes | None = None
    """None without labels."""
    layout: str
    notes: tuple[str, ...]
    """Sentences that the user should read."""
    files: Mapping[SplitName, Sequence[Sample]]
    """Where the images of each part come from, unreadable ones too; empty for the embedded ones."""


@dataclass(frozen=True, eq=False, kw_only=True)
class LabelledSplits(Splits):
    """A data set with masks."""

    train: LabelledPack
    val: LabelledPack
    test: LabelledPack
    classes: Classes = field()


def load_splits(config: DataConfig) -> Splits:
    """Find, split and decode the images of a data set, without their masks; a second call finds them decoded.

    With `config.download` the Oxford pets are fetched first. Raises UserError for what `find_dataset`,
    `split_samples` and `open_pack` refuse.
    """
    if config.data_dir is None:
        train, val, test = (pack.without_labels() for pack in _synthetic_parts(config))
        return Splits(train=train, val=val, test=test, layout=SYNTHETIC, notes=(), files={})
    dataset, samples = _find(config.data_dir, config, labelled=False)
    train, val, test = (open_pack(samples[split], _spec(config)) for split in SPLITS)
    notes = (*_notes(dataset, (train, val, test)), *_leaks(train, val, test))
    return Splits(train=train, val=val, test=test, layout=dataset.layout, notes=notes, files=samples)


@dataclass(frozen=True, eq=False, kw_only=True)
class WholeSet:
    """A data set with masks that is not split."""

    pack: LabelledPack
    classes: Classes
    layout: str
    notes: tuple[str, ...] = ()
    samples: tuple[Sample, ...] = ()


def load_labelled(config: DataConfig) -> LabelledSplits:
    """Find, split and decode the images of a data set and their masks; the splits are those of `load_splits`.

    With --folds they are those of one fold instead, the first unless --fold says which: see `fold_parts`.

    Raises UserError also for what `open_labelled_pack` refuses, and for binary masks in which 255 may mean two things.
    """
    if isinstance(config, LabelledDataConfig) and config.folds is not None:
        return _one_fold(load_whole(config), config, config.folds)
    if config.data_dir is None:
        classes = resolve_classes(config.classes, "species", SPECIES_MASKS)
        train, val, test = (_as_classes(pack, classes) for pack in _synthetic_parts(config))
        return LabelledSplits(
            train=train, val=val, test=test, classes=classes, layout=SYNTHETIC, notes=classes.notes, files={}
        )
    dataset, samples = _find(config.data_dir, config, labelled=True)
    classes, packs = _labelled_packs(config.data_dir, dataset, [samples[split] for split in SPLITS], config)
    train, val, test = packs
    notes = (*_notes(dataset, packs), *_leaks(*packs))
    return LabelledSplits(
        train=train, val=val, test=test, classes=classes, layout=dataset.layout, notes=notes, files=samples
    )


def load_whole(config: DataConfig) -> WholeSet:
    """Decode all images and masks of a data set as one pack, whatever their official split.

    Raises UserError as `load_labelled`.
    """
    if config.data_dir is None:
        classes = resolve_classes(config.classes, "species", SPECIES_MASKS)
        return WholeSet(pack=_as_classes(_synthetic(config), classes), classes=classes, layout=SYNTHETIC)
    dataset = _dataset(config.data_dir, config, labelled=True)
    classes, [pack] = _labelled_packs(config.data_dir, dataset, [dataset.samples], config)
    notes = _notes(dataset, [pack])
    if any(sample.split for sample in dataset.samples):
        notes += (f"--folds deals out {counted(len(pack), 'labelled image')} anew: the official split is not used",)
    return WholeSet(pack=pack, classes=classes, layout=dataset.layout, notes=notes, samples=dataset.samples)


def _one_fold(whole: WholeSet, config: LabelledDataConfig, folds: int) -> LabelledSplits:
    pack, share = whole.pack, config.val_share or LABELLED_FRACTIONS[1]
    parts = fold_parts(
        pack.keys,
        pack.digests,
        pack.class_pixels,
        folds=folds,
        fold=config.fold or 1,
        seed=config.split_seed,
        val_share=share,
    )
    by_key = {sample.key: sample for sample in whole.samples}
    files: dict[SplitName, list[Sample]] = {}
    if by_key:
        files = {split: [by_key[pack.keys[i]] for i in at] for split, at in parts.items()}
    train, val, test = (pack.take(parts[split]) for split in SPLITS)
    return LabelledSplits(
        train=train, val=val, test=test, classes=whole.classes, layout=whole.layout, notes=whole.notes, files=files
    )


def _labelled_packs(
    root: Path, dataset: Dataset, parts: Iterable[Sequence[Sample]], config: DataConfig
) -> tuple[Classes, list[LabelledPack]]:
    classes, spec = dataset.classes, _spec(config)
    assert classes is not None, "find_dataset names the classes of labelled data"
    packs = [open_labelled_pack(part, spec, num_classes=classes.num_classes) for part in parts]
    if classes is BINARY:
        _refuse_ambiguous_255(packs, root)
    return classes, [replace(pack, background=classes.background) for pack in packs]


def _dataset(root: Path, config: DataConfig, *, labelled: bool) -> Dataset:
    if config.download:
        fetch_oxford(root)
    patterns = Patterns(config.images, config.masks)
    return find_dataset(root, classes=config.classes, labelled=labelled, join=config.join, patterns=patterns)


def _find(root: Path, config: DataConfig, *, labelled: bool) -> tuple[Dataset, dict[SplitName, list[Sample]]]:
    dataset = _dataset(root, config, labelled=labelled)
    official = any(sample.split for sample in dataset.samples)
    fractions = _fractions(config, "" if official else dataset.layout)
    return dataset, split_samples(dataset.samples, seed=config.split_seed, fractions=fractions)


def _spec(config: DataConfig) -> PackSpec:
    return PackSpec(
        size=config.image_size,
        cache_dir=config.cache_dir or default_cache_dir(),
        channels=config.channels,
        num_workers=config.num_workers,
        skip_bad_files=config.skip_bad_files,
        verify_data=config.verify_data,
    )


def _notes(dataset: Dataset, packs: Sequence[Pack]) -> tuple[str, ...]:
    left_out = [f"left out: {reason}" for pack in packs for reason in pack.bad_files]
    lost = {kind: [key for pack in packs for key in pack.lost.get(kind, ())] for kind in LOST}
    meant = dataset.classes.notes if dataset.classes is not None else ()
    return *meant, *dataset.notes, *left_out, *lost_notes(lost)


def _fractions(config: DataConfig, layout: str) -> tuple[float, float, float]:
    _, val, test = FOLDER_FRACTIONS if layout == "folder" else LABELLED_FRACTIONS
    val = config.val_share or val
    if val + test >= 1:
        raise UserError(f"--val_share {val} leaves nothing to train on beside {test:.0%} for testing: lower it")
    return 1 - val - test, val, test


def _synthetic_parts(config: DataConfig) -> list[LabelledPack]:
    """The embedded pets for training, validation and test. Raises UserError as `_synthetic`."""
    pets, fractions = _synthetic(config), _fractions(config, SYNTHETIC)
    indices = split_keys(pets.keys, [None] * len(pets), seed=config.split_seed, fractions=fractions)
    return [pets.take(indices[split]) for split in SPLITS]


def _synthetic(config: DataConfig) -> LabelledPack:
    """The embedded pets. Raises UserError for settings that do not fit them."""
    if config.download:
        raise UserError("--download needs a folder to download to: name it with --data_dir")
    if config.channels != 3:
        raise UserError(f"the embedded pets have 3 channels, not {config.channels}: name your images with --data_dir")
    return synthetic_pets(config.synthetic_count, config.image_size, seed=SYNTHETIC_SEED)


def _as_classes(pack: LabelledPack, classes: Classes) -> LabelledPack:
    masks = classes.table.apply(pack.masks)
    if (masks == UNKNOWN).any():
        raise UserError(
            "the embedded pets hold the mask values 0, 1, 2 and 255, but --classes maps only "
            f"{brief(list(classes.values))}"
        )
    counts = [(masks == index).sum(axis=(1, 2), dtype=np.int64) for index in range(classes.num_classes)]
    return replace(pack, masks=masks, class_pixels=np.stack(counts, axis=1), background=classes.background)


def _refuse_ambiguous_255(packs: Iterable[LabelledPack], root: Path) -> None:
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
        f"the test figures flatter: {len(copies)} of {counted(len(test), 'test image')}, copies of training or "
        f"validation images: {abbreviate(copies)}",
    )
