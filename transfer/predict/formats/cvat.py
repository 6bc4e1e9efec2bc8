"""Predictions as drafts for CVAT."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from transfer.predict.formats.result import Entry, OneFile, Result
from transfer.predict.formats.runs import run_lengths


class Cvat(OneFile):
    """The format that CVAT calls "CVAT for images 1.1", every part as a mask.

    A mask is told by its rectangle, and by run lengths along the rows of that, the first of pixels outside.

    Source: https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/
    """

    file = "cvat.xml"

    def entry(self, result: Result) -> list[dict[str, Any]]:
        """The masks of an image, by the attributes that CVAT gives them."""
        return [
            {
                "label": self.names[part.kind],
                "source": "auto",
                "occluded": "0",
                "rle": ", ".join(map(str, run_lengths(np.flatnonzero(shape), shape.size))),
                "left": part.left,
                "top": part.top,
                "width": part.width,
                "height": part.height,
                "z_order": "0",
            }
            for part, shape in result.shapes
        ]

    def write(self, path: Path, entries: Callable[[], Iterable[Entry]]) -> None:
        """Images are found again in a task by their names."""
        labels = (f"<label><name>{escape(n)}</name></label>" for k, n in enumerate(self.names) if k != self.background)
        with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
            file.write('<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n')
            file.write(f"<meta><task><labels>{''.join(labels)}</labels></task></meta>\n")
            for number, entry in enumerate(entries()):
                image = {"id": number, "name": entry.name, "width": entry.width, "height": entry.height}
                file.write(f"<image {_attributes(image)}>\n")
                file.writelines(f"<mask {_attributes(mask)}/>\n" for mask in entry.content)
                file.write("</image>\n")
            file.write("</annotations>\n")


def _attributes(values: dict[str, Any]) -> str:
    return " ".join(f"{name}={quoteattr(str(value))}" for name, value in values.items())
