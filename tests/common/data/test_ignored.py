"""Masks that ignore every pixel: counted, or refused where a part has no others."""

from dataclasses import replace

import numpy as np
import pytest
from datasets import photo, square_mask, write_tree
from PIL import Image

from common.config.groups import LabelledDataConfig
from common.data.load import load_labelled, load_part
from common.errors import UserError
from tests.made_layouts import MADE

BARE = np.full((40, 50), 9, np.uint8)
CLASSES = "names: [ground, pet]\nvalues: {0: 0, 255: 1, 9: ignore}\n"


def write(root, bare: dict[str, int]) -> LabelledDataConfig:
    """Three images a part, of which so many have nothing but ignored pixels."""
    for number, part in enumerate(("train", "val", "test")):
        for i in range(3):
            mask = BARE if i < bare.get(part, 0) else square_mask(255)
            write_tree(root, {f"images/{part}/{i}.jpg": photo(10 * number + i), f"masks/{part}/{i}.png": mask})
    (root / "classes.yaml").write_text(CLASSES)
    return LabelledDataConfig(data_dir=root, classes=str(root / "classes.yaml"), image_size=64)


def test_single_ones_are_counted_by_part(tmp_path):
    notes = load_labelled(write(tmp_path, {"train": 2, "test": 1})).notes
    assert "2 train masks ignore every pixel, which count for nothing: train/0, train/1" in notes
    assert "1 test mask ignores every pixel, which count for nothing: test/0" in notes
    assert not any("val mask" in note for note in notes)


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_a_part_of_nothing_else_is_refused(part, tmp_path):
    config = write(tmp_path, {part: 3})
    with pytest.raises(UserError, match=rf"3 {part} masks ignore every pixel, and that part has no other image"):
        load_labelled(config)
    assert any(note.startswith("3 masks ignore every pixel") for note in load_part(config, "all").notes)


def test_such_a_part_of_one_fold_is_refused_by_its_number(tmp_path):
    data = replace(write(tmp_path, {"test": 1}), folds=9, fold=1)
    with pytest.raises(UserError, match="fold 1 of 9: 1 test mask ignores every pixel, and that part has no other"):
        load_labelled(data)
    notes = load_labelled(replace(data, fold=2)).notes
    assert [note for note in notes if "every pixel" in note] == [
        "1 mask ignores every pixel, which count for nothing: test/0"
    ]


def test_the_published_test_masks_of_cityscapes_are_refused_by_name(tmp_path):
    MADE["Cityscapes"].write(tmp_path, 3)
    for path in (tmp_path / "gtFine/test").rglob("*_labelIds.png"):
        Image.fromarray(np.zeros_like(np.asarray(Image.open(path)))).save(path)
    with pytest.raises(UserError, match=r"test masks? ignores? every pixel, .* move these images away"):
        load_labelled(LabelledDataConfig(data_dir=tmp_path, image_size=64))
