import io

import numpy as np
import pytest
from datasets import photo, write_images_masks
from PIL import Image

from common.config.groups import DataConfig
from common.data.load import load_labelled, load_splits
from common.data.lost import lost_in

NOISY = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)


def encoded(array, file_format, mode=None, **options):
    buffer = io.BytesIO()
    picture = Image.fromarray(array)
    (picture.convert(mode) if mode else picture).save(buffer, file_format, **options)
    return buffer.getvalue()


def without_middle(data):
    return data[: len(data) // 3] + data[len(data) // 2 :]


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_without_its_middle_is_corrupt_and_no_whole_one_is(mode, progressive):
    data = encoded(NOISY, "JPEG", mode, progressive=progressive)
    assert lost_in(data) == lost_in(data + b"trailing") == ()
    assert lost_in(without_middle(data)) == ("corrupt",)


def test_what_was_lost_is_a_note_of_the_run_also_from_the_cache(tmp_path):
    root = write_images_masks(tmp_path / "data", 20)
    (root / "images" / "003.jpg").write_bytes(without_middle(encoded(NOISY[:40, :50], "JPEG")))
    mask = np.asarray(Image.open(root / "masks" / "006.png"))
    clear = np.dstack([np.zeros_like(mask), mask])
    Image.fromarray(clear, "LA").save(root / "masks" / "006.png")
    Image.fromarray(photo(4)).save(root / "images" / "004.jpg", quality=95)
    Image.fromarray(mask).save(root / "masks" / "004.jpg", quality=50)
    (root / "masks" / "004.png").unlink()
    config = DataConfig(data_dir=root, image_size=64, cache_dir=tmp_path / "cache")
    for _ in range(2):
        alpha, lossy, corrupt = load_labelled(config).notes
        assert alpha == "transparent pixels are taken for 0 in the mask of 1 image (006)"
        assert "in the mask of 1 image (004)" in lossy
        assert "of 1 image (003)" in corrupt
        assert load_splits(config).notes == ("masks that are left aside: 20", corrupt)
