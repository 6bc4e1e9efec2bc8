"""A page: sections of blocks, written as one self-contained HTML file."""

import base64
import hashlib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rich.progress import Progress

from common.errors import UserError
from common.files import replacing
from common.run.label_use import LabelUse
from common.terminal import CONSOLE
from common.words import counted

HERE = Path(__file__).resolve().parent
SCRIPTS = ("core.js", "chart.js", "gallery.js", "scatter.js", "start.js")


class NothingToShowError(Exception):
    """There is no figure to draw, and the sentence says why."""


DATA_PROBLEMS = (NothingToShowError, UserError, ValueError, ArithmeticError)
"""Errors that spoil only their own section: NumPy, SciPy and scikit-learn raise them for empty or constant data."""


@dataclass(frozen=True)
class Block:
    """One framed thing on a page; `common.report.blocks` makes them."""

    kind: Literal["chart", "gallery", "scatter", "table", "matrix", "text", "code", "sheet", "album"]
    title: str
    data: Mapping[str, Any]
    note: str = ""
    """A sentence below it."""
    width: Literal["", "half", "third", "two-thirds"] = ""
    """How much of a line it takes on a wide screen."""


@dataclass(frozen=True)
class Section:
    """A heading with its blocks."""

    title: str
    blocks: Sequence[Block]
    lead: str = ""


@dataclass(frozen=True)
class Tile:
    """One of the main figures at the head of a page."""

    name: str
    value: str
    detail: str = ""
    interval: Mapping[str, float | None] | None = None
    """See `common.report.blocks.interval_position`."""


@dataclass(frozen=True)
class Notice:
    """A sentence at the head: something is wrong ("warning"), or should be known ("note")."""

    text: str
    kind: Literal["warning", "note"] = "warning"


@dataclass
class Page:
    """A page; its sections are built when it is written, and a failing one leaves the others."""

    title: str
    kicker: str
    verdict: str
    tiles: Sequence[Tile] = ()
    notices: Sequence[Notice] = ()
    next: Sequence[str] = ()
    """The commands that a reader may want next."""
    again: int = 0
    """Seconds after which a browser loads the page again; 0 for never."""
    plans: list[tuple[str, Callable[[], Sequence[Block]], str]] = field(default_factory=list)

    def add(self, title: str, build: Callable[[], Sequence[Block]], lead: str = "") -> None:
        """Add the section that `build` will make; a sentence replaces one that has no data.

        A section without blocks is left out.
        """
        self.plans.append((title, build, lead))

    def sections(self) -> list[Section]:
        """All sections, made one after the other under a progress bar (on a terminal)."""
        found = []
        with Progress(console=CONSOLE, disable=not CONSOLE.is_terminal, transient=True) as bar:
            task = bar.add_task("report", total=len(self.plans))
            for title, build, lead in self.plans:
                bar.update(task, description=f"report: {title}")
                if blocks := _built(build):
                    found.append(Section(title, blocks, lead))
                bar.advance(task)
        return found

    def html(self) -> str:
        """The whole page as text."""
        script = "\n".join((HERE / "static" / name).read_text(encoding="utf-8") for name in SCRIPTS)
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        return (
            _environment()
            .get_template("template.html")
            .render(
                page=self,
                sections=self.sections(),
                style=(HERE / "style.css").read_text(encoding="utf-8"),
                script=script,
                script_hash=f"sha256-{digest}",
            )
        )

    def write(self, path: Path) -> None:
        """Write the page to a file. Raises OSError where it can't be written."""
        page = self.html()
        with replacing(path) as temporary:
            temporary.write_text(page, encoding="utf-8", errors="replace", newline="\n")


def _built(build: Callable[[], Sequence[Block]]) -> Sequence[Block]:
    try:
        return build()
    except DATA_PROBLEMS as problem:
        reason = " ".join(str(problem).split()) or type(problem).__name__
        return [Block("text", "", {"sentences": [f"Nothing to show here: {reason.rstrip('.')}."]})]


def to_jsonable(value: Any) -> Any:
    """The same as data for JSON: arrays as lists, NaN and infinity as None."""
    if isinstance(value, Mapping):
        return {str(key): to_jsonable(one) for key, one in value.items()}
    if isinstance(value, np.ndarray):
        return to_jsonable(value.tolist())
    if isinstance(value, list | tuple):
        return [to_jsonable(one) for one in value]
    if isinstance(value, np.generic):
        return to_jsonable(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


@cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # here: a training starts without a page

    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.policies["json.dumps_function"] = _compact_json
    environment.filters["combine"] = lambda data, **more: {**data, **more}
    return environment


def _compact_json(value: Any, **_: Any) -> str:
    """JSON that no browser can take for anything else: Jinja's tojson turns <, >, & and ' into escapes."""
    return json.dumps(to_jsonable(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def full_stops(*sentences: str) -> list[str]:
    """Sentences for the head of a page, each with a full stop; empty ones are left out."""
    return [f"{one.rstrip('.')}." for one in sentences if one]


ALARMS = ("LEAK", "left out", "skipped")
"""How the notes of a run begin that are warnings on a page: test images that were seen, and what is not learnt from."""


def noted(sentence: str) -> Notice:
    """A note of a run at the head of its page."""
    return Notice(sentence, "warning" if sentence.startswith(ALARMS) else "note")


def notices(warnings: Iterable[str], record: LabelUse, remarks: Iterable[str] = ()) -> list[Notice]:
    """Warnings, and the notes of a run, first those that are warnings too; then the labels that an encoder used."""
    notes = []
    if record.uses_imagenet_labels:
        notes.append("ImageNet labels were used to train the encoder or its loss")
    if record.uses_labels:
        notes.append("Labels were used to choose the best epoch of the pretraining (--monitor probe/miou)")
    if record.unknown_labels:
        notes.append("Weights of one's own helped to train the encoder, and do not say whose labels taught them")
    if record.earlier_masks:
        masks = counted(record.earlier_masks, "mask")
        notes.append(f"The network or its teacher was trained before, on {masks} of an earlier run")
    if record.taught_by:
        notes.append(f"The encoder learnt the features of a teacher: {record.taught_by}")
    told = sorted(map(noted, remarks), key=lambda notice: notice.kind, reverse=True)
    return [*map(Notice, warnings), *told, *(Notice(note, "note") for note in notes)]
