"""Predictions as COCO tells them: every part by its run lengths, with the probability of its class."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool
from pycocotools import mask as coco_masks

from transfer.predict.formats.result import Entry, OneFile, Result
from transfer.predict.formats.runs import run_lengths
from transfer.predict.objects import Part

CLASS, SCORE, PLACE = "category_id", "score", "segmentation"


class Coco(OneFile):
    """A data set of COCO, whose annotations have scores: `COCO(file)` reads it, and `loadRes` its annotations.

    Categories have the numbers of the classes. A segmentation holds exactly the pixels of its part, holes left out.

    Source: https://cocodataset.org/#format-data and #format-results, run lengths by pycocotools.
    """

    file, scored = "coco.json", True

    def entry(self, result: Result) -> list[dict[str, Any]]:
        """The annotations of an image, without their numbers."""
        height, width = result.mask.shape
        return [
            {
                CLASS: part.kind,
                PLACE: _run_lengths(part, shape, height, width),
                "area": part.area,
                "bbox": [part.left, part.top, part.width, part.height],
                "iscrowd": 0,
                SCORE: result.sureness(part, shape),
            }
            for part, shape in result.shapes
        ]

    def write(self, path: Path, entries: Callable[[], Iterable[Entry]]) -> None:
        """Images and annotations count from 1 in the order of the images."""
        categories = [{"id": k, "name": name} for k, name in enumerate(self.names) if k != self.background]
        images = (
            {"id": number, "file_name": entry.name, "width": entry.width, "height": entry.height}
            for number, entry in enumerate(entries(), start=1)
        )
        annotations = (
            {"image_id": number, **part} for number, entry in enumerate(entries(), start=1) for part in entry.content
        )
        with path.open("w", encoding="ascii") as file:
            file.write(f'{{"info": {{}}, "licenses": [], "categories": {json.dumps(categories)},\n"images": [\n')
            file.writelines(joined(images))
            file.write('\n],\n"annotations": [\n')
            file.writelines(joined({"id": number, **one} for number, one in enumerate(annotations, start=1)))
            file.write("\n]}\n")


def joined(items: Iterable[Any]) -> Iterator[str]:
    """The lines of a list in JSON, an item each."""
    for number, item in enumerate(items):
        yield (",\n" if number else "") + json.dumps(item)


def _run_lengths(part: Part, shape: Bool[np.ndarray, "p q"], height: int, width: int) -> dict[str, Any]:
    """Down the columns, from the first to the last."""
    columns, rows = np.nonzero(shape.T)
    counts = run_lengths((part.left + columns) * height + part.top + rows, height * width)
    plain: Any = {"size": [height, width], "counts": counts}
    packed = coco_masks.frPyObjects(plain, height, width)
    return {"size": [height, width], "counts": packed["counts"].decode("ascii")}
