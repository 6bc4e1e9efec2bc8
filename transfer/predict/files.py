"""The files of each image: written beside their place and renamed, so that whoever reads one finds it complete."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from common.files import make_folder
from common.overlay import overlay_mask
from common.png import write_png
from common.strips import row_strips
from transfer.predict.formats.pictures import write_grey
from transfer.predict.formats.result import FileEach, Kind, Result
from transfer.predict.probabilities import Chances, writer_of

OVERLAYS, UNCERTAINTY, PROBABILITIES = "overlays", "uncertainty", "probabilities"
"""Folders beside those of the formats."""
UNFINISHED = ".unfinished"
"""The folder of files that are being written."""


@dataclass(frozen=True)
class Extras:
    """What is written of an image beside its masks."""

    overlays: bool = True
    uncertainty: bool = False
    """Whether networks, or views, are averaged, so that there is one."""
    probabilities: str | None = None
    """The suffix of their files, without its dot."""


class ImageFiles:
    """The files that a call writes for each image."""

    def __init__(self, folder: Path, kinds: Sequence[Kind], extras: Extras) -> None:
        self.folder, self.extras, self.numbers = folder, extras, count()
        self.kinds = [kind for kind in kinds if isinstance(kind, FileEach)]
        self.background = kinds[0].background

    def suffixes(self) -> dict[str, str]:
        """The suffix of the files in each folder."""
        own = {kind.folder: kind.suffix for kind in self.kinds}
        if self.extras.overlays:
            own[OVERLAYS] = ".png"
        if self.extras.uncertainty:
            own[UNCERTAINTY] = ".png"
        if self.extras.probabilities:
            own[PROBABILITIES] = f".{self.extras.probabilities}"
        return own

    def there(self, key: str) -> bool:
        """Whether an image has all its files."""
        return all((self.folder / part / f"{key}{suffix}").exists() for part, suffix in self.suffixes().items())

    def remove(self, keys: Iterable[str]) -> None:
        """Remove the files of images that are done again: one that can't be read now keeps none of what it was."""
        for key in keys:
            for part, suffix in self.suffixes().items():
                (self.folder / part / f"{key}{suffix}").unlink(missing_ok=True)

    def write(self, result: Result) -> None:
        """Write the files of an image, but for its probabilities."""
        key = result.photo.key
        for kind in self.kinds:
            self._put(f"{kind.folder}/{key}{kind.suffix}", lambda path, kind=kind: kind.write(result, path))
        if self.extras.overlays:
            self._put(f"{OVERLAYS}/{key}.png", lambda path: _draw(result, self.background, path))
        uncertainty = result.uncertainty
        if uncertainty is not None:
            self._put(f"{UNCERTAINTY}/{key}.png", lambda path: write_grey(path, uncertainty))

    @contextmanager
    def chances(self, key: str, shape: tuple[int, int, int]) -> Iterator[Chances]:
        """What takes the probabilities of an image, (classes, height, width), a piece at a time."""
        suffix = f".{self.extras.probabilities}"
        with self._beside(f"{PROBABILITIES}/{key}{suffix}") as path, writer_of(suffix)(path, shape) as writer:
            yield writer

    def _put(self, name: str, write: Callable[[Path], None]) -> None:
        with self._beside(name) as path:
            write(path)

    @contextmanager
    def _beside(self, name: str) -> Iterator[Path]:
        """A path of a folder of its own, which becomes that of the file `name`: a name may be as long as can be."""
        final = self.folder / name
        temporary = self.folder / UNFINISHED / f"{os.getpid()}-{next(self.numbers)}{final.suffix}"
        temporary.parent.mkdir(exist_ok=True)
        yield temporary
        make_folder(final.parent)
        temporary.replace(final)

    def clear(self) -> None:
        """Remove what was not finished."""
        shutil.rmtree(self.folder / UNFINISHED, ignore_errors=True)


def _draw(result: Result, background: int | None, path: Path) -> None:
    full, mask = result.photo.full, result.mask
    strips = (overlay_mask(full[rows], mask[rows], background) for rows in row_strips(*mask.shape))
    write_png(path, strips, *mask.shape)
