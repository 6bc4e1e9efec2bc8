"""Predictions as drafts for Label Studio."""

from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import fmean
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np
from jaxtyping import Bool

from common.colours import colour_of, css
from transfer.predict.formats.coco import joined
from transfer.predict.formats.result import Entry, OneFile, Result
from transfer.predict.formats.runs import run_lengths
from transfer.predict.objects import Part

LABELS, IMAGE = "labels", "image"
"""What the labelling interface calls its brushes, and the picture."""
LOCAL = "/data/local-files/?d="
"""Label Studio's address of a file below its folder of local files."""
LENGTHS = (4, 8, 12, 16)
"""Bits of the four kinds of run lengths."""


class LabelStudio(OneFile):
    """Tasks with a prediction each, every part as a brush; and beside them the labelling interface they belong to.

    Source: https://labelstud.io/guide/predictions and https://labelstud.io/tags/brushlabels
    """

    file, beside, scored = "labelstudio.json", ("labelstudio.xml",), True

    def entry(self, result: Result) -> list[dict[str, Any]]:
        """The regions of an image."""
        height, width = result.mask.shape
        return [
            {
                "id": f"part{number}",
                "type": "brushlabels",
                "from_name": LABELS,
                "to_name": IMAGE,
                "original_width": width,
                "original_height": height,
                "image_rotation": 0,
                "score": result.sureness(part, shape),
                "value": {
                    "format": "rle",
                    "rle": packed(part, shape, height, width),
                    "brushlabels": [self.names[part.kind]],
                },
            }
            for number, (part, shape) in enumerate(result.shapes)
        ]

    def write(self, path: Path, entries: Callable[[], Iterable[Entry]]) -> None:
        """The score of a task is the mean of its parts."""
        with path.open("w", encoding="ascii") as file:
            file.write("[\n")
            file.writelines(joined(map(_task, entries())))
            file.write("\n]\n")
        labels = (
            f"    <Label value={quoteattr(name)} background={quoteattr(css(colour_of(k)))}/>\n"
            for k, name in enumerate(self.names)
            if k != self.background
        )
        [interface] = self.beside
        text = f'  <Image name="{IMAGE}" value="${IMAGE}"/>\n  <BrushLabels name="{LABELS}" toName="{IMAGE}">\n'
        whole = f"<View>\n{text}{''.join(labels)}  </BrushLabels>\n</View>\n"
        path.with_name(interface).write_text(whole, encoding="utf-8", errors="backslashreplace")


def _task(entry: Entry) -> dict[str, Any]:
    score = round(fmean([region["score"] for region in entry.content]), 4) if entry.content else 0
    prediction = {"model_version": "recon2seg", "score": score, "result": entry.content}
    image = LOCAL + quote(entry.name, errors="surrogateescape")
    return {"data": {IMAGE: image}, "predictions": [prediction]}


def packed(part: Part, shape: Bool[np.ndarray, "p q"], height: int, width: int) -> list[int]:
    """The bytes of a brush: run lengths along the rows, of four values for each pixel (RGBA), packed as bits.

    The head is the number of values (32 bits), their size less 1 (5) and those of the lengths less 1 (4 each). A run is
    a bit 1, the kind of its length (2), its length less 1, and its value (8).

    Source: https://github.com/thi-ng/umbrella/tree/develop/packages/rle-pack
    """
    rows, columns = np.nonzero(shape)
    counts = run_lengths((part.top + rows) * width + part.left + columns, height * width)
    bits = [f"{4 * height * width:032b}{7:05b}", *(f"{length - 1:04b}" for length in LENGTHS)]
    for number, length in enumerate(counts):
        bits += _run(4 * length, 255 * (number % 2))
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return [int(text[place : place + 8], 2) for place in range(0, len(text), 8)]


def _run(length: int, value: int) -> Iterable[str]:
    most = 2 ** LENGTHS[-1]
    while length:
        now = min(length, most)
        kind = next(kind for kind, bits in enumerate(LENGTHS) if now <= 2**bits)
        yield f"1{kind:02b}{now - 1:0{LENGTHS[kind]}b}{value:08b}"
        length -= now
