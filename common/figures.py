"""Figures of both phases: grids of images, curves and embeddings."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
import torch
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from common.colours import colour_of
from common.rows import Panels, Row, recorded
from common.say import shown


def to_bytes(image: Float[torch.Tensor, "n c h w"]) -> UInt8[np.ndarray, "n h w 3"]:
    """Images in [0, 1] as pixels; of more than three channels the first three."""
    image = image[:, :3]
    pixels = (image.detach().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:3], 3)))


def grid(
    columns: Mapping[str, UInt8[np.ndarray, "n h w 3"]],
    *,
    captions: Sequence[str] | None = None,
    side: int = 160,
    gap: int = 4,
) -> UInt8[np.ndarray, "height width 3"]:
    """A sheet on white with a row for each image and a column for each kind of picture, named at its head.

    A caption stands below its row.
    """
    rows = [np.hstack([_words(heading, side + gap) for heading in columns])]
    for index, pictures in enumerate(zip(*columns.values(), strict=True)):
        cells = [cv2.resize(p, (side, side), interpolation=cv2.INTER_NEAREST_EXACT) for p in pictures]
        rows.append(np.hstack([np.pad(c, ((0, gap), (0, gap), (0, 0)), constant_values=255) for c in cells]))
        if captions is not None:
            rows.append(_words(captions[index], rows[-1].shape[1]))
    return np.vstack(rows)


def _words(words: str, width: int, height: int = 20) -> UInt8[np.ndarray, "height width 3"]:
    """A strip of white with words on it; of what is too long the end stays, where names differ."""
    words, strip = shown(words), np.full((height, width, 3), 255, dtype=np.uint8)
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, 0.42
    while cv2.getTextSize(words, font, scale, 1)[0][0] > width:
        words = words[1:]
    return cv2.putText(strip, words, (0, height - 7), font, scale, (0, 0, 0), 1, cv2.LINE_AA)


def save_picture(picture: UInt8[np.ndarray, "h w 3"], path: Path) -> None:
    """Write a PNG file. Raises OSError when it can't be written."""
    path.write_bytes(cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes())


def save_figure(figure: Figure, path: Path, *, dpi: int = 110) -> None:
    """Write a figure as a PNG file. Words are shown as they are: a dollar sign in a name begins no formula."""
    for words in figure.findobj(Text):
        words.set(parse_math=False)
    figure.set_dpi(dpi)
    with mpl.rc_context({"text.parse_math": False}):  # for words that are made while drawing, such as ticks
        layout = figure.get_layout_engine()
        if layout is not None:  # else savefig draws the whole figure a first time for it
            layout.execute(figure)
            figure.set_layout_engine(None)
        figure.savefig(path, dpi=dpi)


def in_legend(name: str) -> str:
    """A name as the label of a curve: behind an underscore Matplotlib would leave it out of the legend."""
    return f" {name}" if name.startswith("_") else name


LONGEST = 14
"""Entries of a legend in one column."""


def legend_beside(axes: Axes) -> None:
    """The legend of a chart at its right, where it hides nothing; none where nothing has a label."""
    count = len(axes.get_legend_handles_labels()[1])
    if count:
        columns = math.ceil(count / LONGEST)
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), ncols=columns, fontsize="small", borderaxespad=0.3)


def curve_figure(rows: Sequence[Row], panels: Panels, colours: Mapping[str, str] | None = None) -> Figure:
    """The panels over the epochs, up to four in a line, each with its title and its curves' names; see `recorded`.

    `colours`: of some columns, #rrggbb, or "ink" for black.
    """
    drawn = recorded(rows, panels)
    lines, width = math.ceil(len(drawn) / 4), min(len(drawn), 4)
    figure = Figure(figsize=(6 * width, 3.6 * lines), layout="constrained")
    inks = {name: "black" if colour == "ink" else colour for name, colour in (colours or {}).items()}
    epochs = [row["epoch"] for row in rows]
    for index, (title, columns) in enumerate(drawn.items(), start=1):
        axes = figure.add_subplot(lines, width, index)
        axes.set_title(title)
        for column, name in columns.items():
            axes.plot(
                epochs,
                [row.get(column, np.nan) for row in rows],
                label=in_legend(name),
                color=inks.get(column),
                marker="." if len(rows) < 30 else "",
            )
        axes.set_xlabel("epoch")
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
        axes.grid(alpha=0.3)
        legend_beside(axes)
    return figure


def embedding_figure(
    planes: Mapping[str, Float[np.ndarray, "n 2"]], labels: Sequence[str] | None, title: str
) -> Figure:
    """Each plane as a scatter of the images, coloured by label where there are labels."""
    figure = Figure(figsize=(5.2 * len(planes) + 1, 4.6), layout="constrained")
    figure.suptitle(title)
    panels = figure.subplots(1, len(planes), squeeze=False)[0]
    for axes, (name, points) in zip(panels, planes.items(), strict=True):
        kinds = np.array(labels if labels is not None else [""] * len(points))
        for index, kind in enumerate(np.unique(kinds)):
            colour = colour_of(index + 1) / 255
            axes.scatter(*points[kinds == kind].T, s=12, color=colour, label=in_legend(kind), alpha=0.8, linewidths=0)
        axes.set_title({"pca": "PCA", "tsne": "t-SNE"}[name])
        axes.set_xticks([])
        axes.set_yticks([])
    if labels is not None:
        legend_beside(panels[-1])
    return figure
