"""The images of a trained network are read as those of its training were."""

from pathlib import Path

import numpy as np
import pytest
from datasets import square_mask, write_tree

from common.config.groups import LabelledDataConfig
from common.config.network import ImageOptions
from common.data.load import load_labelled
from common.doctor.folder import labelled_folder
from common.run.input import Input
from transfer.predict.photos import Photos


def test_deep_images_whose_four_bands_lie_apart_have_the_pixels_of_the_pack(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    (tmp_path / "images").mkdir()
    for i in range(20):
        planes = np.random.default_rng(i).integers(0, 4096, (4, 64, 64)).astype(np.uint16)
        options = {"photometric": "minisblack", "planarconfig": "separate"}
        tifffile.imwrite(tmp_path / f"images/{i:02}.tif", planes, **options)
    write_tree(tmp_path, {f"masks/{i:02}.png": square_mask(1, height=64, width=64) for i in range(20)})
    config = LabelledDataConfig(data_dir=tmp_path, channels=4, image_size=64, val_share=0.2)
    data = load_labelled(config)
    assert data.depth is not None
    images = Input(64, 4, depth=data.depth)
    options = ImageOptions(input=tmp_path / "images", output=Path("out"))
    found = {one.key: one.small for batch in Photos(options, images, written=()).batches("x") for one in batch}
    for key, expected in zip(data.test.keys, data.test.images, strict=True):
        np.testing.assert_array_equal(found[key], expected)
    seen = labelled_folder(tmp_path, config)
    assert {sample.reading.depth for sample in seen.samples} == {data.depth}
