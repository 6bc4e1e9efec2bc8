"""The section on an encoder's embeddings, the same in both phases: the scatter, its figures, and the classes in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, Int64, UInt8

from common.data.pack import Pack
from common.embedding import image_classes, knn_accuracy, principal, silhouette
from common.figures import embedding_figure, save_figure
from common.intervals import LEAST_IMAGES
from common.report.blocks import number, table
from common.report.page import Block
from common.report.scatter import Colouring, Points, Project, View, scatter, thumbnailed, view
from common.report.selection import sampled
from common.run.loggers import LabelledPoints
from common.words import counted

MOST = 1000
"""Images in the scatter of a run's page; of more, that many are drawn with the run's seed."""
LEAD = (
    "Encoder embeddings, one point per image; near points are similar to the encoder. The vector of an image is the "
    "mean and deviation of each feature map."
)

Vectors = Float[np.ndarray, "n d"]


@dataclass(frozen=True, eq=False)
class Embedding:
    """Vectors of images with their places in two dimensions."""

    vectors: Vectors
    places: Mapping[str, Float[np.ndarray, "n 2"]]
    """By PCA and t-SNE, see `common.embedding.plane`."""


@dataclass(frozen=True)
class EmbeddingOptions:
    """How many images the scatter shows, and what is done besides."""

    most: int = MOST
    project: Project | None = None
    """Where the vectors are shown too, such as TensorBoard."""
    known: Embedding | None = None
    """What is computed already: t-SNE of the same vectors is not computed again."""


RUN_PAGE = EmbeddingOptions()


@dataclass(frozen=True, eq=False, kw_only=True)
class EmbeddedImages:
    """The images of one split that the scatter shows."""

    pack: Pack
    """These images alone."""
    positions: Int[np.ndarray, " n"]
    """Their positions in the split."""
    split: str
    total: int
    """Images in the split."""
    seed: int
    names: Sequence[str] | None
    """The classes; None where they are not shown."""

    @classmethod
    def draw(
        cls, pack: Pack, split: str, *, most: int, seed: int, names: Sequence[str] | None = None
    ) -> "EmbeddedImages":
        """Take all images of a split, or `most` of them."""
        positions = sampled(len(pack), most, seed=seed)
        part = pack if len(positions) == len(pack) else pack.take(positions)
        return cls(pack=part, positions=positions, split=split, total=len(pack), seed=seed, names=names)

    @cached_property
    def classes(self) -> Int64[np.ndarray, " n"] | None:
        """The class of most of each image's foreground."""
        return None if self.names is None else image_classes(self.pack)

    @property
    def labels(self) -> list[str] | None:
        """The name of each image's class."""
        if self.classes is None or self.names is None:
            return None
        return [str(self.names[k]) for k in self.classes]

    @property
    def note(self) -> str:
        """A sentence where not all images are shown, and where they are too few for t-SNE."""
        if len(self.positions) < LEAST_IMAGES:
            return f"t-SNE is left out: it is drawn from {LEAST_IMAGES} images on."
        if len(self.positions) == self.total:
            return ""
        return f"{len(self.positions)} of {counted(self.total, 'image')}, drawn with seed {self.seed}."


def embedding_blocks(
    images: EmbeddedImages,
    vectors: Mapping[str, Vectors],
    colourings: Sequence[Colouring],
    points: Points,
    *,
    figures: Path,
    options: EmbeddingOptions,
    note: str = "",
) -> list[Block]:
    """Draw the vectors of one or more encoders, by their titles, on the page and as files in `figures`."""
    if images.classes is not None:
        colourings = [Colouring("class", images.classes, images.names), *colourings]
    views = [_view(title, rows, images.seed, options.known) for title, rows in vectors.items()]
    figures.mkdir(exist_ok=True)
    for shown in views:
        drawn = embedding_figure(shown.places, images.labels, f"{shown.title}, {images.split}")
        save_figure(drawn, _figure(figures, shown.title))
    if options.project is not None:
        _project(images, vectors, points.sheets["images"][1], options.project)
    words = " ".join(filter(None, [images.note, note]))
    return [scatter("", views, colourings, points, note=words), *_separation(vectors, images.classes)]


def _view(title: str, vectors: Vectors, seed: int, known: Embedding | None) -> View:
    if known is not None and np.array_equal(known.vectors, vectors):
        return view(title, vectors, seed=seed, places=known.places)
    return view(title, vectors, seed=seed)


def _figure(figures: Path, title: str) -> Path:
    """features.png for "encoder", features_before.png for "encoder before training"."""
    return figures / f"{'_'.join(['features', *title.split()[1:2]])}.png"


def _project(
    images: EmbeddedImages, vectors: Mapping[str, Vectors], pictures: UInt8[np.ndarray, "m h w 3"], project: Project
) -> None:
    """Log up to 50 principal components of the vectors; with fewer than 3 images nothing is logged."""
    chosen, labels = thumbnailed(len(images.pack)), images.labels
    if len(chosen) < 3:
        return
    words = [images.pack.keys[i] if labels is None else f"{images.pack.keys[i]}, {labels[i]}" for i in chosen]
    for title, rows in vectors.items():
        few = principal(rows[chosen], seed=images.seed)
        project(title, LabelledPoints(few, words, pictures))


def _separation(vectors: Mapping[str, Vectors], classes: Int64[np.ndarray, " n"] | None) -> list[Block]:
    """5-NN accuracy and silhouette of the classes, where there are several to tell apart."""
    if classes is None or len(np.unique(classes)) < 2:
        return []
    largest = float(np.bincount(classes).max() / len(classes))
    rows = [
        [title.removeprefix("encoder "), *(number(apart(each, classes), ".3f") for apart in (knn_accuracy, silhouette))]
        for title, each in vectors.items()
    ]
    note = (
        "The class of an image is that of most of its foreground. Chance level of the accuracy (the commonest class): "
        f"{largest:.3f}. Silhouette by cosine distance: 1 separate, 0 mixed."
    )
    return [table("Separation of the classes", ["encoder", "5-NN accuracy", "silhouette"], rows, note=note)]
