"""Finds the images of a data set, and their masks, in any of the folder layouts that are understood."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from common.data.classes import BINARY, BINARY_NAMES, IGNORE, SPECIES, Classes, read_classes
from common.data.samples import IMAGE_SUFFIXES, SPLITS, Dataset, Sample, SplitName, list_images, pair_masks
from common.errors import UserError, abbreviate

OXFORD = "oxford-iiit-pet"
OXFORD_FILES = ("trimaps", "trainval.txt", "test.txt")
UNDERSTOOD = (
    "the official Oxford-IIIT Pet layout (images/ annotations/), Train/resized Train/resized_label (also "
    "Val, Test), train/ train_masks/ test/ test_masks/, ISBI2016_ISIC_Part1_*, or images/ masks/ (with splits.csv "
    "or without)"
)


class Folders(NamedTuple):
    """Where a layout keeps one split, relative to the data set's folder."""

    split: SplitName | None
    images: str
    masks: str


@dataclass(frozen=True)
class Layout:
    """Parallel folders of images and masks; `auto` names the classes that the masks hold unless told."""

    name: str
    folders: tuple[Folders, ...]
    auto: str
    known: Mapping[str, Classes] = field(default_factory=lambda: {"species": SPECIES, "binary": BINARY})

    def matches(self, root: Path) -> bool:
        """A folder of images alone does not make a layout; together with any other of its folders it does."""
        first, *others = [name for part in self.folders for name in (part.images, part.masks)]
        return (root / first).is_dir() and any((root / name).is_dir() for name in others)


SPECIES_MASKS = {"species": SPECIES, "binary": Classes(BINARY_NAMES, {0: 0, 1: 1, 2: 1, IGNORE: IGNORE})}
LAYOUTS = (
    Layout(
        "train-val-test",
        (
            Folders("train", "Train/resized", "Train/resized_label"),
            Folders("val", "Val/resized", "Val/processed_labels"),
            Folders("test", "Test/resized", "Test/masks"),
        ),
        auto="species",
        known=SPECIES_MASKS,
    ),
    Layout(
        "train-test-masks",
        (
            Folders("train", "train", "train_masks"),
            Folders("val", "val", "val_masks"),
            Folders("test", "test", "test_masks"),
        ),
        auto="binary",
    ),
    Layout(
        "isic-2016",
        (
            Folders("train", "ISBI2016_ISIC_Part1_Training_Data", "ISBI2016_ISIC_Part1_Training_GroundTruth"),
            Folders("test", "ISBI2016_ISIC_Part1_Test_Data", "ISBI2016_ISIC_Part1_Test_GroundTruth"),
        ),
        auto="binary",
    ),
    Layout("images-masks", (Folders(None, "images", "masks"),), auto="binary"),
)
SPLITS_FILE = "splits.csv"
"""Beside images/ and masks/: a line with stem,split for every image, split being train, val or test."""
TRIMAP_CLASSES = {"species": SPECIES, "binary": Classes(BINARY_NAMES, {1: 1, 2: 0, 3: IGNORE})}


def find_dataset(root: Path, *, classes: str = "auto", labelled: bool) -> Dataset:
    """Finds out how a folder of data is laid out, and lists its images, with their masks if `labelled`.

    `classes` is auto, species, binary or the path of a YAML file. Without `labelled` no mask is looked for
    and any folder of images will do, read recursively; official splits stay what they are. Nothing is
    decoded. Raises `UserError` for a folder that is missing, empty or not understood, and for images and
    masks that do not pair up.
    """
    if not root.is_dir():
        raise UserError(f"there is no folder {root}; give the folder of the data set with --data_dir")
    for base in (root, root / OXFORD):
        lists = base / "annotations"
        if (base / "images").is_dir() and any((lists / name).exists() for name in OXFORD_FILES):
            return _find_oxford(base, classes, labelled)
    layout = next((layout for layout in LAYOUTS if layout.matches(root)), None)
    if layout is None:
        return _find_folder(root, labelled)
    found = resolve_classes(classes, layout.auto, layout.known) if labelled else None
    samples = tuple(sample for part in layout.folders for sample in _find_part(root, part, found))
    if not samples:
        raise _no_images(root)
    listed = root / SPLITS_FILE
    if layout.name == "images-masks" and listed.is_file():
        samples = _with_splits(samples, listed)
    return Dataset(layout.name, found, samples)


def _with_splits(samples: tuple[Sample, ...], path: Path) -> tuple[Sample, ...]:
    """The samples with the splits of a file. Raises UserError unless it names every image, and nothing else."""
    splits: dict[str, SplitName] = {}
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text: save it as CSV in UTF-8") from None
    for line in csv.DictReader(lines):
        stem, split = (str(line.get(column) or "").strip() for column in ("stem", "split"))
        if split not in SPLITS:
            raise UserError(f"{path} should have the columns stem,split with train, val or test, not {dict(line)}")
        if splits.setdefault(stem, split) != split:
            raise UserError(f"{path} lists {stem} as {splits[stem]} and as {split}; remove one of the lines")
    keys = {sample.key for sample in samples}
    without, unknown = sorted(keys - splits.keys()), sorted(splits.keys() - keys)
    if without or unknown:
        gaps = [f"{len(without)} images are missing in it: {abbreviate(without)}"] if without else []
        gaps += [f"{len(unknown)} of its stems are no image: {abbreviate(unknown)}"] if unknown else []
        raise UserError(f"{path} does not fit images/: {'; '.join(gaps)}")
    return tuple(replace(sample, split=splits[sample.key]) for sample in samples)


def resolve_classes(choice: str, auto: str, known: Mapping[str, Classes]) -> Classes:
    """The classes behind the word given as --classes, or those of the YAML file that it names."""
    word = auto if choice == "auto" else choice
    if word in known:
        return known[word]
    if not Path(word).is_file():
        raise UserError(f"--classes takes auto, {', '.join(known)} or an existing YAML file, got {choice}")
    return read_classes(Path(word))


def _find_folder(root: Path, labelled: bool) -> Dataset:
    images = list_images(root)
    if not images:
        raise _no_images(root)
    if labelled:
        raise UserError(
            f"{root} holds {len(images)} images but is laid out in none of the ways in which masks are "
            f"found; these are {UNDERSTOOD}"
        )
    samples = tuple(Sample(key, image, None, {}, None) for key, image in images.items())
    return Dataset("folder", None, samples)


def _find_part(root: Path, part: Folders, classes: Classes | None) -> list[Sample]:
    images = list_images(root / part.images)
    masks = pair_masks(images, list_images(root / part.masks)) if classes else {}
    values = classes.values if classes else {}
    prefix = f"{part.split}/" if part.split else ""
    return [Sample(prefix + key, image, masks.get(key), values, part.split) for key, image in images.items()]


def _find_oxford(base: Path, choice: str, labelled: bool) -> Dataset:
    images = list_images(base / "images")
    if not images:
        raise _no_images(base)
    trimaps = list_images(base / "annotations" / "trimaps") if labelled else {}
    classes = resolve_classes(choice, "species", TRIMAP_CLASSES) if labelled else None
    listed = _read_oxford_lists(base / "annotations")
    _refuse_gaps([name for name in listed if name not in images], "image in images/")
    if labelled:
        _refuse_gaps([name for name in listed if name not in trimaps], "mask in annotations/trimaps/")
    samples = tuple(
        Sample(name, images[name], trimaps.get(name), _trimap_values(classes, is_dog), split)
        for name, (split, is_dog) in listed.items()
    )
    unlisted = [name for name in images if name not in listed]
    note = f"{len(unlisted)} images, in neither trainval.txt nor test.txt, are left out: {abbreviate(unlisted, 10)}"
    return Dataset(OXFORD, classes, samples, (note,) if unlisted else ())


def _read_oxford_lists(annotations: Path) -> dict[str, tuple[SplitName, bool]]:
    """Each listed image's split, and whether it shows a dog: the third column, or a name in small letters."""
    listed: dict[str, tuple[SplitName, bool]] = {}
    files: dict[SplitName, Path] = {"train": annotations / "trainval.txt", "test": annotations / "test.txt"}
    for split, path in files.items():
        if not path.is_file():
            raise UserError(f"the official split {path} is missing; it comes with the data set's annotations")
        for line in path.read_text(encoding="utf-8").splitlines():
            name, *columns = line.split() or ["#"]
            if name.startswith("#"):
                continue
            if listed.get(name, (split,))[0] != split:
                raise UserError(f"{name} is listed in both trainval.txt and test.txt in {annotations}; remove one")
            listed[name] = (split, columns[1] == "2" if len(columns) > 1 else name[0].islower())
    return listed


def _refuse_gaps(names: list[str], what: str) -> None:
    if names:
        raise UserError(
            f"{len(names)} names in trainval.txt and test.txt have no {what}: {abbreviate(names)}; complete the "
            "data set or shorten the lists"
        )


def _trimap_values(classes: Classes | None, is_dog: bool) -> Mapping[int, int]:
    if classes is SPECIES:
        return {1: 2 if is_dog else 1, 2: 0, 3: IGNORE}
    return classes.values if classes else {}


def _no_images(root: Path) -> UserError:
    return UserError(f"{root} holds no images ({', '.join(IMAGE_SUFFIXES)}); check --data_dir")
