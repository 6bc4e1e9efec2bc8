"""From a folder, or from nothing, to three packs: train, val and test."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from common.config.groups import DataConfig, LabelledDataConfig
from common.data.auto_fit import fitting_of
from common.data.cache import open_pack
from common.data.classes import SPECIES_MASKS, Classes, resolve_classes
from common.data.deep import Depth
from common.data.download import fetch_oxford
from common.data.embedded import SYNTHETIC, as_classes, embedded_parts, embedded_pets, fitting_of_pets
from common.data.fitting import Fitting
from common.data.folds import fold_parts
from common.data.labelled import ignored_notes, labelled_packs
from common.data.layouts.registry import Patterns, find_dataset
from common.data.notes import leaks, notes_of
from common.data.pack import LabelledPack, Pack
from common.data.pack_spec import spec_of
from common.data.samples import SPLITS, Dataset, Part, Sample, SplitName
from common.data.shards.files import is_shards
from common.data.shards.first import first_photographs, stream_of
from common.data.shards.stream import Shards
from common.data.split import LABELLED_FRACTIONS, split_fractions, split_samples
from common.data.survey import facts_word, survey
from common.errors import UserError
from common.words import counted


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
    depth: Depth | None = None
    """The values of images of more than 8 bits that became 0 and 255; None where there are none."""
    fitting: Fitting
    """How its images became squares."""
    files: Mapping[SplitName, Sequence[Sample]]
    """Where the images of each part come from, unreadable ones too; empty for the embedded ones."""
    stream: Shards | None = None
    """The training images where they are a stream, of which `train` has the first; None for those of a folder."""

    @property
    def count(self) -> int:
        """Images of all parts together."""
        return len(self.train) + len(self.val) + len(self.test)


@dataclass(frozen=True, eq=False, kw_only=True)
class LabelledSplits(Splits):
    """A data set with masks."""

    train: LabelledPack
    val: LabelledPack
    test: LabelledPack
    classes: Classes = field()


def load_splits(config: DataConfig, *, depth: Depth | None = None) -> Splits:
    """Find, split and decode the images of a data set, without their masks; a second call finds them decoded.

    With `config.download` the Oxford pets are fetched first. The values `depth` of images of more than 8 bits become 0
    and 255, in place of the ends of their own range. Raises UserError for what `find_dataset`,
    `split_samples` and `open_pack` refuse.
    """
    if config.data_dir is None:
        train, val, test = (pack.without_labels() for pack in embedded_parts(config))
        fitting = fitting_of_pets(config)
        return Splits(train=train, val=val, test=test, layout=SYNTHETIC, notes=(), files={}, fitting=fitting)
    dataset = _dataset(config.data_dir, config, labelled=False, depth=depth)
    samples = _split(dataset, config)
    train, val, test = (open_pack(samples[split], spec_of(config, dataset.fitting)) for split in SPLITS)
    notes = (*notes_of(dataset, (train, val, test)), *leaks(train, val, test))
    said = {"notes": notes, "stream": stream_of(config, dataset), **_said_of(dataset)}
    return Splits(train=train, val=val, test=test, files=samples, **said)


def load_photographs(
    root: Path, config: DataConfig, *, depth: Depth | None, without: Collection[str] = ()
) -> tuple[Pack, tuple[str, ...]]:
    """The images of a folder that a pretraining trains on, `without` files of these digests, and sentences on them.

    Raises UserError as `load_splits`.
    """
    dataset = _dataset(root, config, labelled=False, depth=depth)
    samples, spec = _split(dataset, config, needed=("train",))["train"], spec_of(config, dataset.fitting)
    if without:
        digests = spec.known(samples).of_files([sample.image for sample in samples])
        samples = [sample for sample, digest in zip(samples, digests, strict=True) if digest not in without]
    pack = open_pack(samples, spec)
    return pack, notes_of(dataset, [pack])


@dataclass(frozen=True, eq=False)
class WholeSet:
    """A data set with masks, or a part of it, that is not split."""

    pack: LabelledPack
    classes: Classes
    layout: str
    fitting: Fitting
    notes: tuple[str, ...] = ()
    samples: tuple[Sample, ...] = ()
    depth: Depth | None = None


def load_labelled(
    config: DataConfig, *, depth: Depth | None = None, classes: Classes | None = None, encoder: Fitting | None = None
) -> LabelledSplits:
    """Find, split and decode the images of a data set and their masks; the splits are those of `load_splits`.

    With --folds they are those of one fold instead, the first unless --fold says which: see `fold_parts`. `classes`
    take the place of --classes. --fit auto looks at how the images that taught an `encoder` became squares.

    Raises UserError also for what `open_labelled_pack` refuses, and for binary masks in which 255 may mean two things.
    """
    if isinstance(config, LabelledDataConfig) and config.folds is not None:
        return _one_fold(load_whole(config, depth=depth, classes=classes, encoder=encoder), config, config.folds)
    if config.data_dir is None:
        known = classes or resolve_classes(config.classes, "species", SPECIES_MASKS)
        train, val, test = (as_classes(pack, known) for pack in embedded_parts(config))
        return LabelledSplits(
            train=train,
            val=val,
            test=test,
            classes=known,
            layout=SYNTHETIC,
            notes=known.notes,
            files={},
            fitting=fitting_of_pets(config),
        )
    dataset = _dataset(config.data_dir, config, labelled=True, depth=depth, classes=classes, encoder=encoder)
    samples = _split(dataset, config)
    spec = spec_of(config, dataset.fitting)
    known, packs = labelled_packs(config.data_dir, dataset, [samples[split] for split in SPLITS], spec)
    train, val, test = packs
    parts = {"train": train, "val": val, "test": test}
    notes = (*notes_of(dataset, packs), *leaks(*packs), *ignored_notes(parts, config.data_dir))
    return LabelledSplits(**parts, classes=known, notes=notes, files=samples, **_said_of(dataset))


def load_whole(
    config: DataConfig, *, depth: Depth | None = None, classes: Classes | None = None, encoder: Fitting | None = None
) -> WholeSet:
    """Decode all images and masks of a data set as one pack, to be dealt into folds, whatever their official split.

    Raises UserError as `load_labelled`.
    """
    whole = load_part(config, "all", depth=depth, classes=classes, encoder=encoder)
    if not any(sample.split for sample in whole.samples):
        return whole
    anew = f"--folds deals out {counted(len(whole.pack), 'labelled image')} anew: the official split is not used"
    return replace(whole, notes=(*whole.notes, anew))


def load_part(
    config: DataConfig,
    part: Part,
    *,
    depth: Depth | None = None,
    classes: Classes | None = None,
    encoder: Fitting | None = None,
) -> WholeSet:
    """Decode one part of a data set with masks, or all of it: the other parts may lack images. Folds do not count.

    Raises UserError as `load_labelled`.
    """
    if config.data_dir is None:
        known = classes or resolve_classes(config.classes, "species", SPECIES_MASKS)
        pets = embedded_pets(config) if part == "all" else embedded_parts(config)[SPLITS.index(part)]
        return WholeSet(as_classes(pets, known), known, SYNTHETIC, fitting_of_pets(config))
    dataset = _dataset(config.data_dir, config, labelled=True, depth=depth, classes=classes, encoder=encoder)
    samples = dataset.samples if part == "all" else _one_part(config.data_dir, _split(dataset, config, needed=()), part)
    known, [pack] = labelled_packs(config.data_dir, dataset, [samples], spec_of(config, dataset.fitting))
    notes = (*notes_of(dataset, [pack]), *ignored_notes({part: pack}, config.data_dir))
    return WholeSet(pack, known, notes=notes, samples=tuple(samples), **_said_of(dataset))


def _one_part(root: Path, parts: Mapping[SplitName, Sequence[Sample]], part: SplitName) -> Sequence[Sample]:
    if not parts[part]:
        there = ", ".join(f"{split} {len(samples)}" for split, samples in parts.items())
        raise UserError(f"{root} has no {part} images ({there}): name another --split, or --split all")
    return parts[part]


def holds(
    config: DataConfig, images: Collection[str], *, depth: Depth | None = None, classes: Classes | None = None
) -> bool:
    """Whether a data set with masks holds all these images, told by their digests; False for none of them."""
    if config.data_dir is None or not images:
        return False
    dataset = _dataset(config.data_dir, config, labelled=True, depth=depth, classes=classes)
    known = spec_of(config).known(dataset.samples)
    return set(images) <= set(known.of_files([sample.image for sample in dataset.samples]))


def _one_fold(whole: WholeSet, config: LabelledDataConfig, folds: int) -> LabelledSplits:
    pack, fold, share = whole.pack, config.fold or 1, config.val_share or LABELLED_FRACTIONS[1]
    dealt: dict[str, Any] = {"folds": folds, "fold": fold, "seed": config.split_seed, "val_share": share}
    parts = fold_parts(pack.keys, pack.digests, pack.class_pixels, **dealt)
    by_key = {sample.key: sample for sample in whole.samples}
    files: dict[SplitName, list[Sample]] = {p: [by_key[pack.keys[i]] for i in at] for p, at in parts.items() if by_key}
    packs: dict[str, Any] = {split: pack.take(parts[split]) for split in SPLITS}
    ignored_notes(packs, f"{config.data_dir}, fold {fold} of {folds}")  # to refuse: the notes are of all images
    said: dict[str, Any] = {"notes": whole.notes, **_said_of(whole)}
    return LabelledSplits(**packs, classes=whole.classes, files=files, **said)


def _dataset(
    root: Path,
    config: DataConfig,
    *,
    labelled: bool,
    depth: Depth | None,
    classes: Classes | None = None,
    encoder: Fitting | None = None,
) -> Dataset:
    """The images of a folder, with how each is read; `depth` as in `survey`."""
    if config.download:
        fetch_oxford(root)
    patterns, means = Patterns(config.images, config.masks), classes or config.classes
    if is_shards(root) and not labelled:
        dataset = first_photographs(root, config)
    else:
        dataset = find_dataset(root, classes=means, labelled=labelled, join=config.join, patterns=patterns)
    known = spec_of(config).known(dataset.samples, facts_word(config.channels, config.pages))
    found = survey(dataset.samples, known, pages=config.pages, depth=depth, channels=config.channels)
    known.keep()
    dataset = replace(dataset, samples=tuple(found.samples), depth=found.depth)
    fitting, why = fitting_of(config, dataset, encoder)
    return replace(dataset, notes=(*dataset.notes, *found.notes, *why), fitting=fitting)


def _split(
    dataset: Dataset, config: DataConfig, *, needed: Sequence[SplitName] = SPLITS
) -> dict[SplitName, list[Sample]]:
    layout = "" if any(sample.split for sample in dataset.samples) else dataset.layout
    known = {"seed": config.split_seed, "fractions": split_fractions(config, layout), "fill": layout == "folder"}
    return split_samples(dataset.samples, needed=needed, **known)


def _said_of(dataset: Dataset | WholeSet) -> dict[str, Any]:
    """What a data set keeps of where it came from."""
    return {"layout": dataset.layout, "depth": dataset.depth, "fitting": dataset.fitting}
