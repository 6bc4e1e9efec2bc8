"""PNG files that are written a few rows at a time."""

import cv2
import numpy as np
import pytest
from PIL import Image

from common.png import write_png


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (9, 1), (40, 33)])
@pytest.mark.parametrize("rows", [1, 7, 100])
def test_pillow_and_opencv_read_the_rows_that_were_written(size, rows, tmp_path):
    picture, path = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8), tmp_path / "caf\udce9.png"
    write_png(path, (picture[top : top + rows] for top in range(0, size[0], rows)), *size)
    with Image.open(path) as image:
        assert image.mode == "RGB"
        assert np.array_equal(np.asarray(image), picture)
    found = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert found is not None
    assert np.array_equal(found, picture)
