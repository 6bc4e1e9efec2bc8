import shutil
from dataclasses import replace

import numpy as np
import pytest
from datasets import (
    photo,
    square_mask,
    write_folder,
    write_images_masks,
    write_oxford,
    write_train_test_masks,
    write_train_val_test,
    write_tree,
)

from common.config.groups import DataConfig
from common.data.load import load_labelled, load_splits
from common.data.pack import LabelledPack
from common.errors import UserError


@pytest.fixture
def source(tmp_path):
    return DataConfig(
        data_dir=tmp_path / "data",
        image_size=32,
        classes="auto",
        split_seed=1,
        skip_bad_files=False,
        cache_dir=tmp_path / "cache",
        num_workers=2,
        synthetic_count=30,
    )


def keys(splits):
    return [splits.train.keys, splits.val.keys, splits.test.keys]


@pytest.mark.parametrize(
    ("write", "layout", "present"),
    [
        (write_oxford, "oxford-iiit-pet", {0, 1, 2, 255}),
        (write_train_val_test, "train-val-test", {0, 1, 2, 255}),
        (write_train_test_masks, "train-test-masks", {0, 1}),
        (write_images_masks, "images-masks", {0, 1}),
    ],
)
def test_every_layout_loads_as_three_packs_of_classes(source, write, layout, present):
    write(source.data_dir)
    splits = load_labelled(source)
    assert splits.layout == layout
    assert set(np.unique(splits.train.masks)) == present
    for pack in (splits.train, splits.val, splits.test):
        assert len(pack) == len(pack.masks) > 0
        assert pack.class_pixels.shape == (len(pack), splits.classes.num_classes)


def test_oxford_cats_and_dogs_get_their_own_class(source):
    write_oxford(source.data_dir)
    test = load_labelled(source).test
    assert [key[0].isupper() for key in test.keys] == [True, False, True, False]
    assert (test.class_pixels[:, 1] > 0).tolist() == [True, False, True, False]
    assert (test.class_pixels[:, 2] > 0).tolist() == [False, True, False, True]


@pytest.mark.parametrize("write", [write_oxford, write_train_test_masks, write_images_masks])
def test_phase_1_gets_the_same_splits_and_needs_no_mask_file(source, write):
    write(source.data_dir)
    labelled = load_labelled(source)
    for folder in ("annotations/trimaps", "train_masks", "test_masks", "masks"):
        shutil.rmtree(source.data_dir / folder, ignore_errors=True)
    if write is write_images_masks:
        (source.data_dir / "masks").mkdir()
    bare = load_splits(source)
    assert keys(bare) == keys(labelled)
    assert (bare.classes, bare.train.masks) == (None, None)


def test_a_flat_folder_is_split_90_5_5(source):
    write_folder(source.data_dir, 200)
    splits = load_splits(source)
    assert [len(pack) / 200 for pack in (splits.train, splits.val, splits.test)] == pytest.approx(
        [0.9, 0.05, 0.05], abs=0.04
    )


def test_skipped_files_are_noted(source):
    write_train_test_masks(source.data_dir)
    (source.data_dir / "train" / "007.jpg").write_bytes(b"no image")
    (note,) = load_labelled(replace(source, skip_bad_files=True)).notes
    assert note.startswith("left out: ")
    assert "007.jpg" in note


def test_what_the_layout_notes_reaches_the_user(source):
    unlisted, _ = load_splits(replace(source, data_dir=write_oxford(source.data_dir))).notes
    assert "Bengal_24" in unlisted


@pytest.mark.parametrize("split", ["train", "val"])
def test_test_images_that_are_copies_of_others_are_noted(source, split):
    write_train_test_masks(source.data_dir)
    splits = load_labelled(source)
    assert splits.notes == ()
    key = getattr(splits, split).keys[0]
    shutil.copy(source.data_dir / f"{key}.jpg", source.data_dir / "test" / "002.jpg")
    (note,) = load_labelled(source).notes
    assert "1 of 5 test images, copies of" in note
    assert "test/002" in note


def test_binary_masks_with_1_and_255_are_refused_until_told(source):
    write_images_masks(source.data_dir, 20, foreground=1)
    assert load_labelled(source).train.mask_values == (0, 1)
    write_tree(source.data_dir, {"masks/000.png": square_mask(255)})
    with pytest.raises(UserError, match=r"both 1 and 255.*--classes.*YAML"):
        load_labelled(source)
    told = source.data_dir.parent / "classes.yaml"
    told.write_text("names: [background, foreground]\nvalues: {0: 0, 1: 1, 255: ignore}\n")
    splits = load_labelled(replace(source, classes=str(told)))
    masks = np.concatenate([pack.masks for pack in (splits.train, splits.val, splits.test)])
    assert set(np.unique(masks)) == {0, 1, 255}


def test_synthetic_pets_are_split_without_a_folder(source):
    splits = load_labelled(replace(source, data_dir=None, image_size=64))
    assert (splits.layout, splits.classes.names) == ("synthetic", ("background", "cat", "dog"))
    assert sum(len(pack) for pack in (splits.train, splits.val, splits.test)) == 30
    assert len({*splits.train.keys, *splits.val.keys, *splits.test.keys}) == 30
    assert len(splits.train) > max(len(splits.val), len(splits.test))


def test_synthetic_pets_come_without_labels_or_as_binary(source):
    source = replace(source, data_dir=None, image_size=64)
    species = load_labelled(source)
    bare = load_splits(source)
    assert (bare.train.masks, bare.classes) == (None, None)
    assert not isinstance(bare.train, LabelledPack)
    np.testing.assert_array_equal(bare.train.images, species.train.images)
    binary = load_labelled(replace(source, classes="binary"))
    np.testing.assert_array_equal(binary.train.masks == 1, np.isin(species.train.masks, (1, 2)))
    np.testing.assert_array_equal(binary.train.class_pixels[:, 1], species.train.class_pixels[:, 1:].sum(axis=1))


def test_synthetic_pets_refuse_classes_that_do_not_know_their_values(source, tmp_path):
    told = tmp_path / "classes.yaml"
    told.write_text("names: [background, pet]\nvalues: {0: 0, 1: 1}\n")
    with pytest.raises(UserError, match=r"embedded pets.*\[0, 1\]"):
        load_labelled(replace(source, data_dir=None, image_size=64, classes=str(told)))


def test_a_picture_in_two_places_of_training_is_no_leak(source):
    write_train_test_masks(source.data_dir)
    write_tree(source.data_dir / "train", {"000.jpg": photo(1)})
    assert load_labelled(source).notes == ()


def test_the_share_for_validation_can_be_another_and_test_images_stay(source):
    write_oxford(source.data_dir, trainval=60, test=10)
    usual, more = (load_labelled(replace(source, val_share=share)) for share in (None, 0.5))
    assert usual.test.keys == more.test.keys
    assert set(usual.val.keys) < set(more.val.keys)
    assert len(more.val) == pytest.approx(30, abs=8)
    with pytest.raises(UserError, match=r"--val_share 0.9 leaves nothing to train on"):
        load_labelled(replace(source, val_share=0.9))
