"""Rows of measurements: means, CSV files and Markdown tables."""

import csv
import io
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.files import replacing
from common.say import shown

FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""How a formula begins; the last four are wide letters of East Asian scripts."""
Row = dict[str, float]
Panels = Mapping[str, Mapping[str, str]]
"""Charts over the epochs, by title: the columns of metrics.csv in each, with the name of each line."""


class Means:
    """Running means over images, from means over batches."""

    def __init__(self) -> None:
        self.count, self.sums = 0, {}

    def add(self, values: Mapping[str, float], count: int) -> None:
        """Add the means of a batch of `count` images."""
        self.count += count
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value * count

    def row(self) -> Row:
        """Return the means so far."""
        return {name: total / self.count for name, total in self.sums.items()}


def recorded(rows: Sequence[Row], panels: Panels) -> Panels:
    """Return the panels without columns that no row has, and without empty panels."""
    known = {name for row in rows for name in row}
    kept = {title: {c: name for c, name in columns.items() if c in known} for title, columns in panels.items()}
    return {title: columns for title, columns in kept.items() if columns}


def markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table; vertical bars in cells are escaped."""
    return [_line(heads), _line(["---"] * len(heads)), *map(_line, rows)]


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as CSV, with columns in the order of first use; missing values are empty."""
    heads = _heads(rows)
    with replacing(path) as temporary, csv_table(temporary, heads) as add:
        for row in rows:
            add([row.get(name) for name in heads])


@contextmanager
def csv_table(path: Path, heads: Sequence[str]) -> Iterator[Callable[[Iterable[Any]], None]]:
    """Write a CSV file with these columns; yield a function that adds a row of cells.

    A cell that a spreadsheet would take for a formula begins with an apostrophe, which says that it is text. A name of
    a file that is not UTF-8 keeps its bytes.
    """
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        yield _table(file, heads)


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the text of a CSV file, as `write_csv` writes it."""
    heads, file = _heads(rows), io.StringIO(newline="")
    add = _table(file, heads)
    for row in rows:
        add([row.get(name) for name in heads])
    return file.getvalue()


def _heads(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _table(file: io.TextIOBase, heads: Sequence[str]) -> Callable[[Iterable[Any]], None]:
    table = csv.writer(file)
    table.writerow(map(_no_formula, heads))
    return lambda cells: table.writerow(map(_no_formula, cells))


def _no_formula(cell: Any) -> Any:
    """A cell as text where it begins like a formula; numbers stay numbers. See OWASP, "CSV Injection"."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) and not _is_number(cell) else cell


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return cell.isascii()


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(shown(cell).replace("|", "\\|") for cell in cells) + " |"


def read_rows(path: Path) -> list[Row]:
    """Read the epochs from a run's metrics.csv; return [] if there is no such file.

    Raises UserError for a cell that is no number, and for a row without its epoch.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [_numbers(row) for row in csv.DictReader(file, restkey="")]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path} holds no epochs of a run ({reason}): copy it again, or remove it") from None
    return rows


def _numbers(cells: Mapping[str, str | list[str] | None]) -> Row:
    if "" in cells or None in cells.values():
        raise ValueError("a row has other columns than the head")
    row = {name: float(cell) for name, cell in cells.items() if isinstance(cell, str) and cell}
    if not math.isfinite(row.get("epoch", math.nan)):
        raise ValueError("a row has no epoch")
    return row
