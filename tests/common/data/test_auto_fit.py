"""`--fit auto`: what is measured of a data set, and what follows from it."""

import numpy as np
import pytest
from datasets import photo, write_tree

from common.config.groups import DataConfig
from common.data.load import load_labelled, load_splits


def write_dots(root, *, side: int, dot: int, count: int = 12):
    """Images of so many pixels a side, with dots of so many."""
    mask = np.zeros((side, side), np.uint8)
    for at in range(0, side - dot, max(side // 4, dot + 2)):
        mask[at : at + dot, at : at + dot] = 255
    images = {f"images/{i:02}.png": photo(i, height=side, width=side) for i in range(count)}
    return write_tree(root, images | {f"masks/{i:02}.png": mask for i in range(count)})


@pytest.mark.parametrize(
    ("side", "dot", "fit"), [(320, 10, "crop"), (320, 120, "pad"), (64, 4, "pad"), (600, 40, "crop")]
)
def test_crops_are_taken_where_objects_would_vanish_and_a_note_says_so(tmp_path, side, dot, fit):
    config = DataConfig(
        data_dir=write_dots(tmp_path / "data", side=side, dot=dot), image_size=64, cache_dir=tmp_path, fit="auto"
    )
    data = load_labelled(config)
    assert data.fitting.fit == fit
    told = f"--fit auto takes {fit}: images have {side} pixels (longer side), their objects {dot}, in median"
    assert told in data.notes
    assert data.train.images[0].shape[:2] == ((side, side) if fit == "crop" else (64, 64))


def test_photographs_without_masks_are_judged_by_their_size(tmp_path):
    root = write_tree(tmp_path / "data", {f"{i:02}.png": photo(i, height=40, width=600) for i in range(24)})
    for size, fit in ((64, "crop"), (128, "pad")):
        data = load_splits(DataConfig(data_dir=root, image_size=size, cache_dir=tmp_path, fit="auto"))
        assert data.fitting.fit == fit
        assert f"--fit auto takes {fit}: images have 600 pixels (longer side), in median" in data.notes


def test_a_file_that_cannot_be_read_is_passed_over(tmp_path):
    root = write_dots(tmp_path / "data", side=320, dot=10)
    (root / "images/00.png").write_bytes(b"no image")
    config = DataConfig(data_dir=root, image_size=64, cache_dir=tmp_path, fit="auto", skip_bad_files=True)
    assert load_labelled(config).fitting.fit == "crop"


def test_embedded_pets_are_squares():
    assert load_splits(DataConfig(synthetic_count=20, image_size=64, fit="auto")).fitting.fit == "squash"
