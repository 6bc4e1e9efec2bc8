import io

import cv2
import numpy as np
import pytest
from datasets import photo, write_images_masks
from PIL import Image

from common.config.groups import DataConfig
from common.data.load import load_labelled, load_splits
from common.data.lost import lost_in

PICTURE = photo(3, height=120, width=160)
NOISY = np.random.default_rng(0).integers(0, 256, PICTURE.shape, dtype=np.uint8)


def encoded(array, file_format, mode=None, **options):
    buffer = io.BytesIO()
    picture = Image.fromarray(array)
    (picture.convert(mode) if mode else picture).save(buffer, file_format, **options)
    return buffer.getvalue()


def frames(file_format):
    pictures = [Image.fromarray(np.full((32, 32, 3), 60 * i, np.uint8)) for i in range(4)]
    buffer = io.BytesIO()
    pictures[0].save(buffer, file_format, save_all=True, append_images=pictures[1:])
    return buffer.getvalue()


def deep(factor, suffix, array=PICTURE):
    return cv2.imencode(suffix, array.astype(np.uint16) * factor)[1].tobytes()


def without_middle(data):
    return data[: len(data) // 3] + data[len(data) // 2 :]


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_without_its_middle_is_corrupt_and_no_whole_one_is(mode, progressive):
    data = encoded(NOISY, "JPEG", mode, progressive=progressive)
    assert lost_in(data) == lost_in(data + b"trailing") == ()
    assert lost_in(without_middle(data)) == ("corrupt",)


@pytest.mark.parametrize("file_format", ["TIFF", "GIF", "WEBP", "PNG"])
def test_of_several_frames_the_first_is_read(file_format):
    assert lost_in(frames(file_format)) == ("frames",)
    assert lost_in(encoded(PICTURE, file_format)) == ()


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("array", [PICTURE, PICTURE[..., 0]])
def test_16_bits_that_hold_12_become_dark(suffix, array):
    assert lost_in(deep(16, suffix, array)) == ("dark",)
    assert lost_in(deep(257, suffix, array)) == ()
    assert lost_in(deep(0, suffix, array)) == ()


def test_an_opaque_image_of_16_bits_is_dark_all_the_same():
    opaque = np.dstack([PICTURE.astype(np.uint16) * 16, np.full(PICTURE.shape[:2], 65535, np.uint16)])
    assert lost_in(cv2.imencode(".png", opaque)[1].tobytes()) == ("dark",)


def test_what_was_lost_is_a_note_of_the_run_also_from_the_cache(tmp_path):
    root = write_images_masks(tmp_path / "data", 20)
    (root / "images" / "003.jpg").write_bytes(without_middle(encoded(NOISY[:40, :50], "JPEG")))
    (root / "images" / "004.jpg").write_bytes(deep(16, ".png", photo(4)))
    (root / "images" / "005.jpg").write_bytes(deep(16, ".png", photo(5)))
    mask = Image.open(root / "masks" / "006.png")
    mask.save(root / "masks" / "006.tif", save_all=True, append_images=[mask])
    (root / "masks" / "006.png").unlink()
    config = DataConfig(data_dir=root, image_size=64, cache_dir=tmp_path / "cache")
    for _ in range(2):
        dark, several, corrupt = load_labelled(config).notes
        assert "in 2 images (004, 005)" in dark
        assert several == "only the first page or frame is read of 1 image (006)"
        assert "of 1 image (003)" in corrupt
        assert load_splits(config).notes == ("masks that are left aside: 20", dark, corrupt)
