"""Vectors of cells as pictures."""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

STROKES = 16
"""Pixels of a cell, a side."""
DIM = 0.3
"""Brightness of what does not count."""


def strokes(histograms: Float[np.ndarray, "n o p q"]) -> Float[np.ndarray, "n h w 3"]:
    """Histograms of orientations as stars: a stroke along the edge for each, as bright as it is strong."""
    count = histograms.shape[1]
    stars = np.stack([_stroke((index + 0.5) * np.pi / count) for index in range(count)])
    drawn = np.einsum("nopq,oyx->npyqx", histograms, stars)
    n, rows, _, columns, _ = drawn.shape
    grey = drawn.reshape(n, rows * STROKES, columns * STROKES)
    return np.repeat(grey[..., None], 3, axis=-1).clip(0, 1)


def _stroke(gradient: float) -> Float[np.ndarray, "h w"]:
    middle, length = (STROKES - 1) / 2, STROKES / 2 - 1
    along = np.array([-np.sin(gradient), np.cos(gradient)]) * length  # an edge is across its gradient
    ends = (16 * np.stack([middle - along, middle + along])).round().astype(np.int32)
    canvas = np.zeros((STROKES, STROKES), np.uint8)
    cv2.polylines(canvas, [ends], isClosed=False, color=255, thickness=1, lineType=cv2.LINE_AA, shift=4)
    return canvas.astype(float) / 255


def principal_colours(
    asked: Float[np.ndarray, "n d p q"], guessed: Float[np.ndarray, "n d p q"]
) -> tuple[Float[np.ndarray, "n p q 3"], Float[np.ndarray, "n p q 3"]]:
    """The first three principal components of what was asked for as red, green and blue, for both."""
    rows = np.moveaxis(asked, 1, -1).reshape(-1, asked.shape[1]).astype(np.float64)
    mean = rows.mean(0)
    axes = np.linalg.eigh(np.cov(rows - mean, rowvar=False).reshape(len(mean), -1))[1][:, ::-1][:, :3]
    spread = 2 * ((rows - mean) @ axes).std(0) + 1e-12
    both = [((np.moveaxis(one, 1, -1) - mean) @ axes / spread / 2 + 0.5).clip(0, 1) for one in (asked, guessed)]
    missing = 3 - axes.shape[1]
    first, second = (np.pad(one, ((0, 0),) * 3 + ((0, missing),), constant_values=0.5) for one in both)
    return first, second


def dimmed(picture: Float[np.ndarray, "n h w 3"], weight: Float[np.ndarray, "n p q"]) -> UInt8[np.ndarray, "n a b 3"]:
    """Pixels of a picture in [0, 1], which are dim where the weight of their cell is 0, and enlarged if it is small."""
    enlarge = max(1, 128 // picture.shape[1])
    picture = picture.repeat(enlarge, 1).repeat(enlarge, 2)
    shares = weight.repeat(picture.shape[1] // weight.shape[1], 1).repeat(picture.shape[2] // weight.shape[2], 2)
    return (255 * picture * (DIM + (1 - DIM) * shares[..., None])).round().astype(np.uint8)
