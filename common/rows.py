"""Rows of figures, for people and for programs."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

Row = dict[str, float]
Panels = Mapping[str, Mapping[str, str]]
"""Charts over the epochs, by title: each the columns of metrics.csv that it shows, and the name of each line."""


class Means:
    """Means over images of values that come per batch."""

    def __init__(self) -> None:
        self.count, self.sums = 0, {}

    def add(self, values: Mapping[str, float], count: int) -> None:
        """Take in the means of a batch of `count` images."""
        self.count += count
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value * count

    def row(self) -> Row:
        """The means so far."""
        return {name: total / self.count for name, total in self.sums.items()}


def recorded(rows: Sequence[Row], panels: Panels) -> Panels:
    """The panels without the columns that no row has, and without those panels that have none left."""
    known = {name for row in rows for name in row}
    found = {title: {c: name for c, name in columns.items() if c in known} for title, columns in panels.items()}
    return {title: columns for title, columns in found.items() if columns}


def markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table in Markdown; a bar in a cell is a bar."""
    return [_line(heads), _line(["---"] * len(heads)), *map(_line, rows)]


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows under the names that any of them has, in the order of their first use; what a row lacks is empty."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)))
        table.writeheader()
        table.writerows(rows)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def read_rows(path: Path) -> list[Row]:
    """The epochs that a run recorded in its metrics.csv; none where there is no such file."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [{key: float(value) for key, value in row.items() if value} for row in csv.DictReader(file)]
