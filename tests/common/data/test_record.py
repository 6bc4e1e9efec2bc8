import json
from dataclasses import replace

import numpy as np
import pytest
from datasets import write_images_masks

from common.config.groups import DataConfig
from common.data.load import load_labelled, load_splits
from common.data.record import data_changes, data_record
from common.data.synthetic.pets import synthetic_pets


@pytest.fixture
def loaded(tmp_path):
    """What a run records of a small data set as it is now, with its masks or without."""
    config = DataConfig(data_dir=write_images_masks(tmp_path / "data", 12), image_size=64, cache_dir=tmp_path / "cache")

    def record(*, labelled=True):
        splits = load_labelled(config) if labelled else load_splits(config)
        packs = {"train": splits.train, "val": splits.val, "test": splits.test}
        return json.loads(json.dumps(data_record(packs)))

    return record


def test_equal_data_has_no_changes_and_every_image_a_digest(loaded):
    record = loaded()
    assert data_changes(record, loaded()) == ""
    assert sum(map(len, record.values())) == 12


@pytest.mark.parametrize("labelled", [False, True])
def test_changed_images_are_named(loaded, tmp_path, labelled):
    before = loaded(labelled=labelled)
    images = tmp_path / "data" / "images"
    (images / "003.jpg").write_bytes((images / "004.jpg").read_bytes())
    assert data_changes(before, loaded(labelled=labelled)) == "1 image is changed: 003"


def test_a_changed_mask_is_a_change_of_labelled_data_alone(loaded, tmp_path):
    before, bare = loaded(), loaded(labelled=False)
    masks = tmp_path / "data" / "masks"
    (masks / "003.png").write_bytes((masks / "003.png").read_bytes() + b" ")
    assert data_changes(before, loaded()) == "1 image is changed: 003"
    assert data_changes(bare, loaded(labelled=False)) == ""


def test_images_that_are_gone_and_new_are_counted(loaded, tmp_path):
    before = loaded()
    for kind in ("images/{}.jpg", "masks/{}.png"):
        for name in ("001", "002"):
            (tmp_path / "data" / kind.format(name)).rename(tmp_path / "data" / kind.format(f"new{name}"))
    assert data_changes(before, loaded()) == "2 images are gone: 001, 002; 2 images are new: new001, new002"


def test_an_image_in_another_split_has_moved():
    before = {"train": {"a": "1", "b": "2"}, "val": {"c": "3"}, "test": {}}
    assert data_changes(before, {"train": {"a": "1"}, "val": {"c": "3", "b": "2"}, "test": {}}) == (
        "1 image is moved to another split: b"
    )


def test_a_mask_of_other_meaning_is_a_change(loaded, tmp_path):
    before = loaded()
    config = DataConfig(data_dir=tmp_path / "data", image_size=64, cache_dir=tmp_path / "cache")
    classes = tmp_path / "classes.yaml"
    classes.write_text("names: [background, foreground]\nvalues: {0: 1, 255: 0}\n")
    splits = load_labelled(replace(config, classes=str(classes)))
    now = data_record({"train": splits.train, "val": splits.val, "test": splits.test})
    assert data_changes(before, now).startswith("12 images are changed: ")


def test_the_embedded_pets_have_digests_that_follow_a_choice_of_them():
    pets = synthetic_pets(6, 64, seed=0)
    record = data_record({"train": pets.take(np.array([4, 1]))})["train"]
    assert list(record) == [pets.keys[4], pets.keys[1]]
    assert record == {key: data_record({"train": pets})["train"][key] for key in record}
