"""The pixels of some images of a data set, as an array: whole images with padding, or random crops."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from common.data.fitting import Box, padded, resize_image, resize_mask, whole_size
from common.data.pack import Pack
from common.data.ragged import Ragged
from common.data.values import IGNORE

ONE_PIECE = 1024
"""Side in pixels of the largest image that a network sees in one piece."""


class Pixels(NamedTuple):
    """Images as an array, with their masks where there are any."""

    images: UInt8[np.ndarray, "n h w c"]
    masks: UInt8[np.ndarray, "n h w"] | None
    boxes: Int64[np.ndarray, "n 4"] | None
    """Where each image lies (top, left, height, width); None where none is padded."""


def whole_images(pack: Pack, indices: np.ndarray, *, most: int = ONE_PIECE) -> Pixels:
    """Whole images; those of different sizes with padding on the right and below.

    Of sides of more than `most` pixels it is the middle. Padding is a reflection in images and ignored in masks.
    """
    if not isinstance(pack.images, Ragged):
        assert not isinstance(pack.masks, Ragged)
        masks = None if pack.masks is None else pack.masks[indices]
        return Pixels(pack.images[indices], masks, None if pack.boxes is None else pack.boxes[indices])
    windows = [middle(*pack.images.shapes[index].tolist(), most=most) for index in indices]
    frames = np.array([whole_size(window.height, window.width) for window in windows])
    return _gathered(pack, indices, windows, *frames.max(0).tolist())


def random_crops(
    pack: Pack,
    indices: np.ndarray,
    places: Float64[np.ndarray, "n 2"],
    scales: Float64[np.ndarray, " n"] | None = None,
) -> Pixels:
    """A square of each image; `places` are in [0, 1), from the first to the last where it may begin.

    With `scales` it is a window of so many times fewer pixels a side, enlarged by them. Smaller images are padded as
    those of `whole_images`.
    """
    assert isinstance(pack.images, Ragged), "images of one size are not cropped"
    size, windows = pack.images.size, []
    sides = np.full(len(indices), size) if scales is None else np.maximum(np.rint(size / scales), 1).astype(np.int64)
    shapes = pack.images.shapes[indices].tolist()
    for (height, width), side, (down, across) in zip(shapes, sides.tolist(), places.tolist(), strict=True):
        high, wide = min(height, side), min(width, side)
        windows.append(Box(int(down * (height - high + 1)), int(across * (width - wide + 1)), high, wide))
    return _gathered(pack, indices, windows, size, size, enlarged=size / sides)


def middle(height: int, width: int, *, most: int = ONE_PIECE) -> Box:
    """The whole of an image, or of sides of more than `most` pixels their middle."""
    high, wide = min(height, most), min(width, most)
    return Box((height - high) // 2, (width - wide) // 2, high, wide)


def larger(pack: Pack) -> list[int]:
    """The images that are too large for one piece."""
    if not isinstance(pack.images, Ragged):
        return []
    return np.flatnonzero(pack.images.shapes.max(1) > ONE_PIECE).tolist()


def alike(images: Ragged, order: np.ndarray, *, batch_size: int) -> list[np.ndarray]:
    """The order, in runs of images whose frames are alike, with at most the pixels of a batch of crops in each."""
    runs: list[list[int]] = []
    before, room = (0, 0), 0
    for index in order.tolist():
        window = middle(*images.shapes[index].tolist())
        frame = whole_size(window.height, window.width)
        if frame != before or not room:
            runs.append([])
            before, room = frame, max(1, batch_size * images.size**2 // math.prod(frame))
        runs[-1].append(index)
        room -= 1
    return [np.array(run, dtype=np.int64) for run in runs]


def _gathered(
    pack: Pack,
    indices: np.ndarray,
    windows: list[Box],
    height: int,
    width: int,
    *,
    enlarged: Float64[np.ndarray, " n"] | None = None,
) -> Pixels:
    """Windows at the top left of arrays of one size; `enlarged`: by how much each is."""
    assert isinstance(pack.images, Ragged)
    factors = [1.0] * len(windows) if enlarged is None else enlarged.tolist()
    sizes = [
        (max(1, round(window.height * factor)), max(1, round(window.width * factor)))
        for window, factor in zip(windows, factors, strict=True)
    ]
    images = np.empty((len(indices), height, width, *pack.images.pixels.shape[1:]), np.uint8)
    for row, (index, window, size) in enumerate(zip(indices.tolist(), windows, sizes, strict=True)):
        shown = window.of(pack.images[index])
        shown = shown if shown.shape[:2] == size else resize_image(shown, *size)
        images[row] = padded(shown, height, width).reshape(images.shape[1:])
    boxes = np.array([(0, 0, *size) for size in sizes], dtype=np.int64).reshape(-1, 4)
    if pack.masks is None:
        return Pixels(images, None, boxes)
    masks = np.full(images.shape[:3], IGNORE, np.uint8)
    for row, (index, window, size) in enumerate(zip(indices.tolist(), windows, sizes, strict=True)):
        shown = window.of(pack.masks[index])
        masks[row, : size[0], : size[1]] = shown if shown.shape == size else resize_mask(shown, *size)
    return Pixels(images, masks, boxes)
