"""What the doctor says, as data."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Level = Literal["error", "warning", "info"]
CODES: dict[Level, int] = {"info": 0, "warning": 1, "error": 2}
"""Exit codes: an error stops a training or falsifies its figures, a warning is to be looked at."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was found, of all the files that it is true of."""

    kind: str
    """A word for programs, such as image-unreadable; it stays what it is from version to version."""
    level: Level
    sentence: str
    """For people, without a full stop."""
    names: Sequence[str] = ()
    """All files, images, pairs or classes that it is true of; a reason may stand behind each, in brackets."""
    count: int
    """How many there are."""
    advice: str = ""
    """What to do, in one sentence."""
    command: str = ""
    """A command that does it, or shows more."""
    pictures: Sequence[Sequence[Path]] = ()
    """Image files to look at: one a row, or those of a pair."""


def exit_code(findings: Iterable[Finding]) -> int:
    """0 where nothing is wrong, 1 with warnings, 2 with errors."""
    return max((CODES[finding.level] for finding in findings), default=0)


def of_names(
    kind: str,
    level: Level,
    sentence: str,
    names: Sequence[str],
    *,
    advice: str = "",
    pictures: Sequence[Sequence[Path]] = (),
) -> list[Finding]:
    """A finding that is true of these names, whose number its sentence tells; none of no names."""
    if not names:
        return []
    count = len(names)
    return [
        Finding(kind=kind, level=level, sentence=sentence, names=names, count=count, advice=advice, pictures=pictures)
    ]
