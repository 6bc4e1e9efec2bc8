"""The scatter of a page: encoder embeddings of whole images by PCA and t-SNE, with thumbnails."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

from common.colours import colour_of, css
from common.data.pack import Pack
from common.embedding import plane
from common.report.images import SMOOTH, sheet, three_channels
from common.report.page import Block, NothingToShowError
from common.report.selection import evenly
from common.run.loggers import LabelledPoints

THUMBNAILS, THUMBNAIL, COLUMNS = 5000, 48, 32
"""How many images have one, its side in pixels, and how many stand in a row of the sheet."""
SHEETS = 4_500_000
"""Characters that the sheets of a scatter may take up together."""
PLANES = {"tsne": "t-SNE", "pca": "PCA"}
STEPS = 4095
"""Places along a side that a point can have."""


Project = Callable[[str, LabelledPoints], None]
"""Shows images as points somewhere else too, under a name."""


@dataclass(frozen=True)
class Colouring:
    """What the points of a scatter are coloured by: classes by name, or a score."""

    name: str
    values: Sequence[int | float | None] | np.ndarray
    names: Sequence[str] | None = None
    """The classes that whole `values` count; None for a score."""

    def data(self) -> dict[str, Any]:
        """The same for the page's script."""
        if self.names is None:
            return {"kind": "score", "name": self.name, "values": list(self.values)}
        colours = ["ink", *(css(colour_of(k)) for k in range(1, len(self.names)))]
        values = [int(one) for one in self.values if one is not None]
        return {"kind": "class", "name": self.name, "values": values, "names": list(self.names), "colours": colours}


@dataclass(frozen=True)
class View:
    """The embeddings of one encoder."""

    title: str
    places: Mapping[str, Float[np.ndarray, "n 2"]]
    """By PCA ("pca") and t-SNE ("tsne"), see `common.embedding.plane`."""
    note: str = ""


@dataclass(frozen=True)
class Points:
    """The images of a scatter."""

    names: Sequence[str]
    ids: Sequence[str]
    """What the gallery knows them by."""
    in_gallery: Sequence[bool]
    sheets: Mapping[str, tuple[str, UInt8[np.ndarray, "n h w 3"]]]
    """Pictures of them, by kind: what they are called, and the pixels of those that `thumbnailed` names."""


def view(
    title: str,
    vectors: Float[np.ndarray, "n d"],
    *,
    seed: int,
    places: Mapping[str, Float[np.ndarray, "n 2"]] | None = None,
) -> View:
    """The vectors of an encoder in two dimensions: at these places where they are known, else computed.

    Raises NothingToShowError for fewer than 3 vectors, and where one holds what is no number.
    """
    if len(vectors) < 3:
        raise NothingToShowError("a map needs at least 3 images")
    if not np.isfinite(vectors).all():
        raise NothingToShowError("the encoder's features are not all numbers")
    return View(title, plane(vectors, seed=seed) if places is None else places)


def thumbnailed(count: int) -> Int[np.ndarray, " m"]:
    """Which of `count` images have a thumbnail: all, or THUMBNAILS of them, evenly."""
    return np.asarray(evenly(count, THUMBNAILS), dtype=np.int64)


def thumbnails(pack: Pack, indices: Int[np.ndarray, " m"]) -> UInt8[np.ndarray, "m h w 3"]:
    """The images at these positions at the size of a thumbnail."""
    size = (THUMBNAIL, THUMBNAIL)
    return np.stack([cv2.resize(three_channels(pack.content(i)), size, interpolation=SMOOTH) for i in indices.tolist()])


def scatter(
    title: str, views: Sequence[View], colourings: Sequence[Colouring], points: Points, *, note: str = ""
) -> Block:
    """The scatter as a block; every view shows the same images in the same order."""
    chosen = thumbnailed(len(points.names))
    slots = np.full(len(points.names), -1)
    slots[chosen] = np.arange(len(chosen))
    usable = [one for one in colourings if any(value is not None and np.isfinite(value) for value in one.values)]
    if not usable:
        usable = [Colouring("image", [0] * len(points.names), ["all"])]
    data = {
        "planes": [{"key": key, "name": name} for key, name in PLANES.items() if key in views[0].places],
        "panels": [{"title": v.title, "note": v.note, "places": _places(v)} for v in views],
        "colours": [one.data() for one in usable],
        "names": list(points.names),
        "ids": list(points.ids),
        "in_gallery": list(points.in_gallery),
        "sheets": {kind: name for kind, (name, _) in points.sheets.items()},
        "thumbs": {
            "sprites": {
                kind: sheet(pictures, side=THUMBNAIL, columns=COLUMNS, largest=SHEETS // len(points.sheets))
                for kind, (_, pictures) in points.sheets.items()
            },
            "columns": COLUMNS,
            "size": THUMBNAIL,
            "slots": slots,
        },
    }
    return Block("scatter", title, data, note)


def _places(one: View) -> dict[str, list[int]]:
    """Both planes, each stretched to whole numbers from 0 to STEPS, x and y in turn."""
    found = {}
    for key, points in one.places.items():
        low, high = points.min(0), points.max(0)
        found[key] = ((points - low) / np.maximum(high - low, 1e-12) * STEPS).round().astype(int).flatten().tolist()
    return found
