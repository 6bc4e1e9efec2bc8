"""A file of rows against NumPy's own reader."""

import numpy as np
import pytest

from common.data.row_file import RowFile


@pytest.mark.parametrize("rows", [1, 12345])
def test_a_row_file_is_a_npy_file(tmp_path, rows):
    array = np.arange(rows * 6, dtype=np.uint64).astype(np.uint8).reshape(rows, 2, 3)
    rows_written = RowFile(tmp_path / "a.npy", (2, 3))
    with rows_written.file:
        for row in array:
            rows_written.append(row)
        rows_written.finish()
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), array)
