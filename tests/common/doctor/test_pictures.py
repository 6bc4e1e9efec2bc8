"""The pictures of the doctor, of images that no screen shows as they are."""

import base64
import io

import cv2
import numpy as np
import pytest
from datasets import photo, square_mask, write_tree
from PIL import Image

from common.doctor.__main__ import main as doctor
from common.doctor.pictures import picture_of


def shown(uri: str) -> np.ndarray:
    """The pixels of a picture on a page."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("L")).astype(int)


@pytest.fixture
def satellite(tmp_path, monkeypatch):
    """Images of four bands of 12 bits in 16 that nothing calls colours, as programs for maps write them."""
    tifffile = pytest.importorskip("tifffile")
    monkeypatch.chdir(tmp_path)
    write_tree(tmp_path / "data", {f"masks/{i}.png": square_mask(255) for i in range(24)})
    (tmp_path / "data/images").mkdir()
    for i in range(24):
        bands = np.repeat(photo(i)[..., :1], 4, 2).transpose(2, 0, 1).astype(np.uint16) * 16
        words = {"photometric": "minisblack", "planarconfig": "separate"}
        tifffile.imwrite(tmp_path / f"data/images/{i}.tif", bands, **words)
    return tmp_path / "data"


def test_the_sheet_shows_images_of_four_bands(satellite, tmp_path):
    doctor(["--data_dir", "data", "--channels", "4", "--output_dir", "out"])
    with Image.open(tmp_path / "out/contact_sheet.png") as sheet:
        assert sheet.size == (8 * 166 + 6, 3 * 166 + 6)
    assert "Nothing to show" not in (tmp_path / "out/report.html").read_text()
    assert np.ptp(shown(picture_of(satellite / "images/0.tif", channels=4))) > 100


def test_pictures_of_more_than_8_bits_are_seen(tmp_path):
    values = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) * 4
    assert cv2.imwrite(str(tmp_path / "a.png"), values)
    assert np.ptp(shown(picture_of(tmp_path / "a.png"))) > 200


def test_a_sheet_that_is_not_written_is_not_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_tree(tmp_path / "photographs", {f"{i}.png": photo(i) for i in range(8)})
    doctor(["--unlabelled_dir", "photographs", "--output_dir", "out"])
    assert not (tmp_path / "out/contact_sheet.png").exists()
    assert "contact_sheet" not in capsys.readouterr().out
