"""predictions.csv and objects.csv: what each image holds, and where."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from common.files import replacing
from common.rows import csv_table
from transfer.predict.journal import Finished
from transfer.predict.objects import Objects, Part


class Tables:
    """The tables of a folder, and their totals."""

    def __init__(self, folder: Path, objects: Objects, *, unsure: bool, uncertain: bool) -> None:
        """`unsure`: whether pixels may have no class; `uncertain`: whether images have an uncertainty."""
        self.folder, self.objects, self.unsure, self.uncertain = folder, objects, unsure, uncertain
        self.pixels: Int64[np.ndarray, " k"] = np.zeros(len(objects.names), np.int64)
        """Pixels of each class in all images."""

    def write(self, images: Iterable[Finished]) -> None:
        """Write the share and the number of parts of each class in each image, and every part; count them."""
        names, classes = self.objects.names, self.objects.areas
        heads = ["image", "width", "height", *(f"share_{name}" for name in names)]
        heads += [*self._further("unsure", "uncertainty"), *(f"objects_{names[k]}" for k in classes)]
        parts = ["image", "class", *Part._fields[1:]]
        with _table(self.folder / "predictions.csv", heads) as add, _table(self.folder / "objects.csv", parts) as place:
            for image in images:
                self.objects.count(image.found)
                self.pixels += np.array(image.pixels)
                add(self._row(image))
                for part in image.found.parts:
                    place(self.objects.row(image.key, part))

    def _row(self, image: Finished) -> list[Any]:
        size = image.width * image.height
        further = self._further(f"{image.unsure / size:.4f}", f"{image.uncertainty or 0:.4f}")
        numbers = Counter(part.kind for part in image.found.parts)
        shares = (f"{count / size:.4f}" for count in image.pixels)
        return [image.key, image.width, image.height, *shares, *further, *(numbers[k] for k in self.objects.areas)]

    def _further(self, unsure: str, uncertainty: str) -> Sequence[str]:
        """The cells of columns that not all tables have."""
        return [*([unsure] if self.unsure else []), *([uncertainty] if self.uncertain else [])]


@contextmanager
def _table(path: Path, heads: Sequence[str]) -> Iterator[Any]:
    with replacing(path) as temporary, csv_table(temporary, heads) as add:
        yield add
