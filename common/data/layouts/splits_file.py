"""splits.csv: a table of one's own that says which image belongs to which split."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from common.data.listing import plain_name
from common.data.samples import SPLITS, Sample, SplitName
from common.errors import UserError, abbreviate, brief
from common.files import read_lines
from common.words import counted


def with_splits(samples: Sequence[Sample], path: Path) -> list[Sample]:
    """Give the samples the splits that a file names. Raises UserError unless it names every image, and nothing else."""
    splits: dict[str, SplitName] = {}
    for line in _csv_lines(read_lines(path), path):
        stem, split = (plain_name(str(line.get(column) or "").strip()) for column in ("stem", "split"))
        if not stem or split not in SPLITS:
            raise UserError(f"{path} should have the columns stem,split with train, val or test, not {brief(line)}")
        if splits.setdefault(stem, split) != split:
            raise UserError(f"{path} lists {stem} as {splits[stem]} and as {split}; remove one of the lines")
    keys = {sample.key for sample in samples}
    without, unknown = sorted(keys - splits.keys()), sorted(splits.keys() - keys)
    if without or unknown:
        gaps = [f"{counted(len(without), 'image', 'is')} missing in it: {abbreviate(without)}"] if without else []
        gaps += [f"{len(unknown)} of its stems are no image: {abbreviate(unknown)}"] if unknown else []
        raise UserError(f"{path} does not fit images/: {'; '.join(gaps)}")
    return [replace(sample, split=splits[sample.key]) for sample in samples]


def _csv_lines(lines: Sequence[str], path: Path) -> Iterator[dict[str, Any]]:
    """Read a table with a line of heads. Raises UserError for lines that are no CSV: a quote that stays open."""
    table = csv.DictReader(lines, strict=True)
    try:
        yield from table
    except csv.Error as error:
        raise UserError(f"{path} is not CSV at line {table.line_num}: {error}") from None
