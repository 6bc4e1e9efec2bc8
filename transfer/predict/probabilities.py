"""Probabilities of the classes in a file for each image, written a piece at a time."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float32

from common.errors import UserError

Chances = Callable[[slice, slice, Float32[np.ndarray, "k h w"]], None]
"""Takes the probabilities of a rectangle, by its rows and columns."""
MOST = 2**16 - 1
"""What stands for 1 where probabilities are kept in 16 bits."""
LARGEST = 2**32
"""Bytes that a TIFF may have."""


@contextmanager
def npy(path: Path, shape: tuple[int, int, int]) -> Iterator[Chances]:
    """NumPy's file of float16, (classes, height, width), which is not in memory as a whole."""
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=shape)

    def put(rows: slice, columns: slice, chances: Float32[np.ndarray, "k h w"]) -> None:
        array[:, rows, columns] = chances

    yield put
    array.flush()


@contextmanager
def tiff(path: Path, shape: tuple[int, int, int]) -> Iterator[Chances]:
    """TIFF with a page of 16 bits for each class, 65535 for 1; until it is written a file beside it holds the pages.

    Raises UserError for more than TIFF can hold.
    """
    if 2 * np.prod(shape, dtype=np.int64) >= LARGEST:
        raise UserError("--probabilities tiff: an image is too large for the 4 GB of a TIFF; take --probabilities npy")
    scratch = path.with_suffix(".pages")
    array = np.memmap(scratch, mode="w+", dtype=np.uint16, shape=shape)

    def put(rows: slice, columns: slice, chances: Float32[np.ndarray, "k h w"]) -> None:
        array[:, rows, columns] = np.rint(chances * MOST)

    yield put
    if not cv2.imwritemulti(str(path), [np.asarray(page) for page in array]):
        raise UserError("--probabilities tiff: a file could not be written; is the disk full?")
    scratch.unlink()


def writer_of(suffix: str) -> Callable[[Path, tuple[int, int, int]], AbstractContextManager[Chances]]:
    """What writes files with a suffix."""
    return {".npy": npy, ".tiff": tiff}[suffix]
