"""A .npy file that grows row by row."""

import io
import math
import os
from pathlib import Path

import numpy as np
from jaxtyping import UInt8


class RowFile:
    """A .npy file of uint8 written row by row, so that a full disk is an error (a memory map would crash)."""

    def __init__(self, path: Path, row_shape: tuple[int, ...]) -> None:
        self.row_shape = row_shape
        self.rows = 0
        self.file = path.open("wb")
        self._write_header()

    def append(self, row: UInt8[np.ndarray, "..."]) -> None:
        """Write the next row."""
        self.extend(row[None])

    def extend(self, rows: UInt8[np.ndarray, "..."]) -> None:
        """Write the next rows."""
        assert rows.shape[1:] == self.row_shape
        self.file.write(np.ascontiguousarray(rows).data)
        self.rows += len(rows)

    def finish(self) -> None:
        """Put the number of rows into the header, which numpy pads so that it keeps its length."""
        self.file.seek(0)
        self._write_header()
        self.file.flush()
        os.fsync(self.file.fileno())

    def _write_header(self) -> None:
        self.file.write(_header((self.rows, *self.row_shape)))


def open_rows(path: Path, shape: tuple[int, ...]) -> UInt8[np.memmap, "..."]:
    """Map a finished file of this shape (rows, ...) into memory, read-only.

    Raises ValueError for any other file: its header is compared and never parsed.
    """
    header = _header(shape)
    with path.open("rb") as file:
        whole = file.read(len(header)) == header and path.stat().st_size == len(header) + math.prod(shape)
    if not whole:
        raise ValueError(f"{path.name} does not hold {' x '.join(map(str, shape))} bytes")
    return np.memmap(path, np.uint8, "r", len(header), shape)


def _header(shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return file.getvalue()
