"""Layouts of parallel folders: one of images and one of masks for each part of a data set."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from common.data.classes import Classes, resolve_classes
from common.data.layouts.layout import Layout, no_images
from common.data.listing import list_images, passed_over_note
from common.data.samples import SPLITS, Dataset, Sample, SplitName, pair_masks
from common.errors import UserError, abbreviate, brief


class Folders(NamedTuple):
    """Where a layout keeps one split, relative to the data set's folder; `split` None where it has no official one."""

    split: SplitName | None
    images: str
    masks: str


@dataclass(frozen=True, kw_only=True)
class ParallelFolders(Layout):
    """Folders of images beside folders of masks of the same names."""

    folders: tuple[Folders, ...]
    splits_file: str = ""
    """A CSV file in the data set's folder with a line stem,split for every image; read where it is there."""

    def matches(self, root: Path) -> bool:
        """A folder of images alone does not make a layout; together with any other of its folders it does."""
        first, *others = [name for part in self.folders for name in (part.images, part.masks)]
        return (root / first).is_dir() and any((root / name).is_dir() for name in others)

    def find(self, root: Path, name: str, *, classes: str, labelled: bool) -> Dataset:
        """List images and masks; `name` comes back as the data set's layout."""
        chosen = resolve_classes(classes, self.auto, self.known) if labelled else None
        passed_over: list[str] = []
        samples = tuple(sample for part in self.folders for sample in _find_part(root, part, chosen, passed_over))
        if not samples:
            raise no_images(root)
        if self.splits_file and (root / self.splits_file).is_file():
            samples = _with_splits(samples, root / self.splits_file)
        return Dataset(name, chosen, samples, passed_over_note(passed_over))


def _find_part(root: Path, part: Folders, classes: Classes | None, passed_over: list[str]) -> list[Sample]:
    images, images_over = list_images(root / part.images)
    drawn, masks_over = list_images(root / part.masks) if classes else ({}, ())
    passed_over += [*images_over, *masks_over]
    masks = pair_masks(images, drawn) if classes else {}
    values = classes.values if classes else {}
    prefix = f"{part.split}/" if part.split else ""
    return [Sample(prefix + key, image, masks.get(key), values, part.split) for key, image in images.items()]


def _with_splits(samples: tuple[Sample, ...], path: Path) -> tuple[Sample, ...]:
    """Give the samples the splits that a file names. Raises UserError unless it names every image, and nothing else."""
    splits: dict[str, SplitName] = {}
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text: save it as CSV in UTF-8") from None
    for line in _csv_lines(lines, path):
        stem, split = (str(line.get(column) or "").strip() for column in ("stem", "split"))
        if split not in SPLITS:
            raise UserError(f"{path} should have the columns stem,split with train, val or test, not {brief(line)}")
        if splits.setdefault(stem, split) != split:
            raise UserError(f"{path} lists {stem} as {splits[stem]} and as {split}; remove one of the lines")
    keys = {sample.key for sample in samples}
    without, unknown = sorted(keys - splits.keys()), sorted(splits.keys() - keys)
    if without or unknown:
        gaps = [f"{len(without)} images are missing in it: {abbreviate(without)}"] if without else []
        gaps += [f"{len(unknown)} of its stems are no image: {abbreviate(unknown)}"] if unknown else []
        raise UserError(f"{path} does not fit images/: {'; '.join(gaps)}")
    return tuple(replace(sample, split=splits[sample.key]) for sample in samples)


def _csv_lines(lines: Sequence[str], path: Path) -> Iterator[dict[str, Any]]:
    """Read a table with a line of heads. Raises UserError for lines that are no CSV: a quote that stays open."""
    table = csv.DictReader(lines, strict=True)
    try:
        yield from table
    except csv.Error as error:
        raise UserError(f"{path} is not CSV at line {table.line_num}: {error}") from None
