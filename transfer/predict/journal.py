"""What is known of finished images, a line each, so that a call goes on where an earlier one stopped."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from transfer.predict.formats.result import Entry
from transfer.predict.objects import Found, Part


@dataclass(frozen=True)
class Finished:
    """An image whose files are all there, and what the tables say of it."""

    key: str
    stamp: str
    """Of the image's file, see `stamp_of`."""
    image: str
    """The path of the image's file."""
    width: int
    height: int
    pixels: list[int]
    """Of each class."""
    unsure: int
    """Pixels of no class."""
    found: Found
    uncertainty: float | None = None
    """The mean over its pixels; None where there is one network, and one view."""
    entries: dict[str, Any] = field(default_factory=dict)
    """What it adds to files of all images, by format."""

    def entry(self, name: str) -> Entry:
        """What it adds to the file of a format."""
        return Entry(self.key, self.image, self.width, self.height, self.entries[name])


class Journal:
    """The finished images of a folder of predictions; a line that is cut off, or damaged, is an image to do again."""

    def __init__(self, path: Path) -> None:
        self.path, self.places = path, dict[str, tuple[str, int]]()
        """By key: the stamp, and where the line begins. Memory holds no more of an image."""
        self.end = 0
        with suppress(FileNotFoundError), path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):  # an earlier call was killed within it
                    break
                self._learn(line)

    def _learn(self, line: bytes) -> None:
        with suppress(ValueError, LookupError, TypeError):
            content = json.loads(line)
            self.places[content["key"]] = content["stamp"], self.end
        self.end += len(line)

    def knows(self, key: str, stamp: str) -> bool:
        """Whether an image was finished, and its file is what it was."""
        return self.places.get(key, ("",))[0] == stamp != ""

    def add(self, finished: Finished) -> None:
        """Write a line."""
        line = json.dumps(asdict(finished), separators=(",", ":")).encode() + b"\n"
        with self.path.open("ab") as file:
            file.truncate(self.end)
            file.write(line)
        self._learn(line)

    def read(self, stamps: Mapping[str, str]) -> Iterator[Finished]:
        """The images of these names that are finished, and whose files have these stamps, one at a time."""
        places = [self.places[key][1] for key, stamp in stamps.items() if self.knows(key, stamp)]
        if not places:
            return
        with self.path.open("rb") as file:
            for place in places:
                file.seek(place)
                content = json.loads(file.readline())
                parts, specks, limit = content.pop("found")
                yield Finished(**content, found=Found([Part(*part) for part in parts], specks, limit))


def stamp_of(path: Path) -> str:
    """What changes with a file; empty for one that is not there."""
    try:
        stat = path.stat()
    except OSError:
        return ""
    return f"{stat.st_size}/{stat.st_mtime_ns}"
