"""The limit of pixels."""

import numpy as np
import pytest
from PIL import Image

from common.data.decode import read_image
from common.data.known import KnownFiles
from common.data.opened import BadFileError, read_up_to
from common.data.samples import Sample
from common.data.survey import survey

pytestmark = pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")


def test_a_limit_holds_inside_and_its_flag_is_named(tmp_path):
    path = tmp_path / "x.png"
    Image.fromarray(np.zeros((4, 5), np.uint8)).save(path)
    with pytest.raises(BadFileError, match=r"its 20 pixels are more than 10 \(--max_pixels\); shrink"), read_up_to(10):
        read_image(path)
    with read_up_to(20):
        assert read_image(path).shape == (4, 5, 3)
    assert read_image(path).shape == (4, 5, 3)


def test_a_file_that_was_too_large_is_looked_at_anew_under_another_limit(tmp_path, monkeypatch):
    monkeypatch.setattr("common.data.known.SETTLED", -9e9)  # a file just written is settled
    Image.fromarray(np.arange(400, dtype=np.uint16).reshape(20, 20)).save(tmp_path / "x.png")
    samples, known = [Sample("x", tmp_path / "x.png", None, {}, None)], KnownFiles(tmp_path, str(tmp_path))
    with read_up_to(10):
        assert survey(samples, known, pages="refuse").depth is None
    assert survey(samples, known, pages="refuse").depth is not None
