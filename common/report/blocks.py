"""The blocks of a page: charts, tables, matrices and text, as plain data for the template and its script."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from common.report.page import Block, NothingToShowError
from common.rows import Panels, Row, recorded

Width = Literal["", "half", "third", "two-thirds"]
Values = Sequence[float | None] | np.ndarray


@dataclass(frozen=True)
class Axis:
    """What an axis of a chart shows; `min` and `max` are included where they are given."""

    label: str
    log: bool = False
    whole: bool = False
    """Ticks at whole numbers alone."""
    min: float | None = None
    max: float | None = None
    ticks: Sequence[float] = ()
    """Where its ticks are, written as whole numbers; none for round ones."""


@dataclass(frozen=True)
class Series:
    """A line, with a band where `low` and `high` are given, or `points` that nothing joins."""

    name: str
    x: Values
    y: Values
    low: Values | None = None
    high: Values | None = None
    points: bool = False
    colour: str | None = None
    """#rrggbb, or "ink" for the colour of the text; None for the next of the palette."""
    dash: str | None = None
    text: Sequence[str] | None = None
    """A word for each point, shown under the pointer."""


@dataclass(frozen=True)
class TableCell:
    """A cell of a table: text, or a number with its sort value and its interval."""

    text: str
    value: float | None = None
    number: bool = False
    interval: Mapping[str, float | None] | None = None


@dataclass(frozen=True)
class Chart:
    """Series over two axes."""

    x: Axis
    y: Axis
    series: Sequence[Series]
    marks: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    """Upright lines: {"x": place, "label": word}."""

    def block(self, title: str, *, note: str = "", width: Width = "") -> Block:
        """The chart as a block. Raises NothingToShowError where no value is a number."""
        if not any(_known(one.x, one.y) for one in self.series):
            raise NothingToShowError(f"{title}: no value is a number")
        series = [{name: value for name, value in asdict(one).items() if value is not None} for one in self.series]
        data = {"x": asdict(self.x), "y": asdict(self.y), "series": series, "marks": list(self.marks), "join": True}
        return Block("chart", title, data, note, width)


def curve_blocks(
    rows: Sequence[Row], panels: Panels, *, best_epoch: int | None, colours: Mapping[str, str] | None = None
) -> list[Block]:
    """A chart over the epochs for each panel that has values; see `recorded`.

    `best_epoch` is marked in all of them. `colours`: of some columns.
    """
    epochs = [row["epoch"] for row in rows]
    marks = [{"x": best_epoch, "label": "best"}] if best_epoch else []
    blocks = []
    for title, columns in recorded(rows, panels).items():
        series = [
            Series(name, epochs, [row.get(column, math.nan) for row in rows], colour=(colours or {}).get(column))
            for column, name in columns.items()
        ]
        if any(_known(one.x, one.y) for one in series):
            chart = Chart(Axis("epoch", whole=True), curve_axis(title, series), series, marks)
            blocks.append(chart.block(title, width="half"))
    if not blocks:
        raise NothingToShowError("no epoch has been recorded")
    return blocks


def number(value: float | None, form: str = ".4f", *, interval: Mapping[str, float | None] | None = None) -> TableCell:
    """A number in a table; one that does not exist is a dash."""
    if value is None or not math.isfinite(value):
        return TableCell("-", None, number=True)
    return TableCell(f"{value:{form}}", float(value), number=True, interval=interval)


def table(
    title: str, heads: Sequence[str], rows: Sequence[Sequence[TableCell | str]], *, note: str = "", width: Width = ""
) -> Block:
    """A table that its reader can sort. Raises NothingToShowError for one without rows."""
    if not rows:
        raise NothingToShowError(f"{title}: there is no row")
    cells = [[TableCell(one) if isinstance(one, str) else one for one in row] for row in rows]
    numeric = [all(row[column].number for row in cells) for column in range(len(heads))]
    named = [{"text": head, "number": is_number} for head, is_number in zip(heads, numeric, strict=True)]
    data = {"heads": named, "rows": [[asdict(one) for one in row] for row in cells], "sortable": len(rows) > 1}
    return Block("table", title, data, note, width)


def matrix(
    title: str,
    names: Sequence[str],
    shares: np.ndarray,
    below: Sequence[Sequence[str]],
    *,
    note: str = "",
    width: Width = "",
) -> Block:
    """A square of shares in [0, 1], each with a word below it. NaN is shown as a dash."""
    rows = [
        [
            {"share": 0 if math.isnan(share) else round(float(share), 3), "text": _percent(share), "below": word}
            for share, word in zip(line, words, strict=True)
        ]
        for line, words in zip(shares.tolist(), below, strict=True)
    ]
    return Block("matrix", title, {"names": list(names), "rows": rows, "corner": "true \\ predicted"}, note, width)


def text(*sentences: str, title: str = "", width: Width = "") -> Block:
    """Sentences in a frame."""
    return Block("text", title, {"sentences": list(sentences)}, "", width)


def sheet(
    title: str,
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    names: Sequence[str],
    *,
    legend: Sequence[tuple[str, str]] = (),
    note: str = "",
) -> Block:
    """Pictures in rows, as data URIs under their heads; `names` are the rows', `legend` names colours (#rrggbb).

    Raises NothingToShowError without any picture.
    """
    if not rows:
        raise NothingToShowError(f"{title}: there is no picture")
    data = {"heads": list(heads), "rows": [list(row) for row in rows], "names": list(names), "legend": list(legend)}
    return Block("sheet", title, data, note)


def album(title: str, entries: Sequence[tuple[Sequence[str], str]], *, note: str = "") -> Block:
    """Pictures as data URIs, one or several that belong together above a caption, as many on a line as fit.

    Raises NothingToShowError without any.
    """
    if not entries:
        raise NothingToShowError(f"{title}: there is no picture")
    data = {"entries": [{"pictures": list(pictures), "caption": caption} for pictures, caption in entries]}
    return Block("album", title, data, note)


def code(title: str, words: str, *, width: Width = "") -> Block:
    """Something to copy."""
    return Block("code", title, {"code": words}, "", width)


def interval_position(
    value: float, low: float, high: float, *, start: float = 0.0, end: float = 1.0, zero: float | None = None
) -> dict[str, float | None] | None:
    """Where a value and its interval lie between two ends, in percent; None where one of them is no number.

    `zero`: a value to mark, such as "no difference".
    """
    if not all(math.isfinite(one) for one in (value, low, high)) or end <= start:
        return None

    def share(one: float) -> float:
        return round(100 * min(max((one - start) / (end - start), 0.0), 1.0), 2)

    return {"at": share(value), "low": share(low), "high": share(high), "zero": None if zero is None else share(zero)}


def curve_axis(title: str, series: Sequence[Series]) -> Axis:
    """The axis of the values under a title such as "PSNR in dB, validation": from 0, or logarithmic."""
    name, log = title.partition(",")[0], needs_log_axis(series)
    return Axis(name, log=log, min=None if log else 0)


def needs_log_axis(series: Sequence[Series]) -> bool:
    """Whether the largest value is over 30 times the median, and all are above 0."""
    values = np.concatenate([np.asarray(one.y, dtype=float) for one in series])
    values = values[np.isfinite(values)]
    return bool((values > 0).all() and values.max() > 30 * np.median(values))


def _known(x: Values, y: Values) -> bool:
    return any(
        one is not None and other is not None and math.isfinite(one) and math.isfinite(other)
        for one, other in zip(x, y, strict=True)
    )


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{share:.1%}"


def three_digits(value: float) -> str:
    """A score with three digits; a dash for one that does not exist."""
    return "-" if math.isnan(value) else f"{value:.3f}"
