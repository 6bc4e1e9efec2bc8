"""What an earlier call left in the folder of predictions."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.config.load import as_typed
from common.errors import UserError
from common.files import write_json
from common.run.plain_data import from_json

RECORD, JOURNAL = "predict.json", "finished.jsonl"
LISTED = "- in "
"""How the input of a call begins whose images a list on standard input names; the folder around them follows."""
LEFT = ("predictions.csv", "masks")
"""What calls of older versions left, which wrote no record."""


@dataclass(frozen=True)
class Call:
    """The networks, the images and the settings of a call."""

    model: str
    input: str
    images: tuple[str, ...]
    """The names of the images."""
    digests: tuple[str, ...] = ()
    """SHA-256 of the networks' files; calls of older versions tell none."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Those that change what is written, by their flags."""
    files: Mapping[str, str] = field(default_factory=lambda: {"masks": ".png", "overlays": ".png"})
    """The suffixes of the files of an image, by their folders."""
    of_all: tuple[str, ...] = ()
    """The names of the files of all images, beside tables."""

    def differs(self, before: "Call") -> str:
        """Whose masks an earlier call left, in words; "" where it was the same call."""
        if (before.model, before.input) != (self.model, self.input):
            return f"{before.model} for {before.input}"
        if not before.digests:
            return "an older version"
        if before.digests != self.digests:
            return f"another training of {before.model}"
        if self.input.startswith(LISTED) and not set(before.images) <= set(self.images):
            return "another list of images"
        changed = [name for name in self.settings if self.settings[name] != before.settings.get(name)]
        told = (_typed(name, before.settings.get(name)) for name in changed)
        return f"a call {' and '.join(told)}" if changed else ""


def folders_in(folder: Path) -> tuple[str, ...]:
    """The folders of masks and of pictures that an earlier call left in a folder."""
    if not (folder / RECORD).is_file() or not (folder / JOURNAL).is_file():
        return ()
    return tuple(from_json(Call, folder / RECORD).files)


def _typed(name: str, value: Any) -> str:
    """A setting in words: "with --tta flip", "without --tile"."""
    if value is None or value is False:
        return f"without --{name}"
    return f"with --{name}" if value is True else f"with --{name} {as_typed(value)}"


def begin(folder: Path, call: Call, *, overwrite: bool) -> None:
    """Record a call, and remove what an earlier one left of images that are gone, or with `overwrite` all of it.

    Raises UserError for a folder that holds the results of another call.
    """
    before = from_json(Call, folder / RECORD) if (folder / RECORD).exists() else None
    there = before is not None or any((folder / name).exists() for name in LEFT)
    other = ("an older version" if before is None else call.differs(before)) if there else ""
    if other and not overwrite:
        raise UserError(f"{folder} holds the masks of {other}: use another --output, or --overwrite to replace them")
    kept = set() if other or overwrite else set(call.images)
    if before is not None:
        _remove(folder, before, kept)
    write_json(folder / RECORD, vars(call))


def _remove(folder: Path, before: Call, kept: Collection[str]) -> None:
    """Remove the files of an earlier call, but for those of the images that are `kept`."""
    for name in before.images:
        for part, suffix in before.files.items() if name not in kept else ():
            (folder / part / f"{name}{suffix}").unlink(missing_ok=True)
    for name in () if kept else (JOURNAL, *before.of_all):
        (folder / name).unlink(missing_ok=True)
