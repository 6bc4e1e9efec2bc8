"""A .npy file that grows row by row."""

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
        assert row.shape == self.row_shape
        self.file.write(np.ascontiguousarray(row).data)
        self.rows += 1

    def finish(self) -> None:
        """Put the number of rows into the header, which numpy pads so that it keeps its length."""
        self.file.seek(0)
        self._write_header()
        self.file.flush()
        os.fsync(self.file.fileno())

    def _write_header(self) -> None:
        shape = (self.rows, *self.row_shape)
        np.lib.format.write_array_header_1_0(self.file, {"descr": "|u1", "fortran_order": False, "shape": shape})
