import re
from collections import Counter

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

from common.data.classes import BINARY_NAMES, IGNORE, SPECIES_NAMES
from common.data.layouts.layout import Layout
from common.data.layouts.parallel import Folders, parallel
from common.data.layouts.registry import LAYOUTS, find_dataset
from common.data.masks.mask import MaskFile
from common.errors import UserError


def by_key(dataset):
    return {sample.key: sample for sample in dataset.samples}


def splits(dataset):
    return Counter(sample.split for sample in dataset.samples)


@pytest.mark.parametrize("inside", [".", "oxford-iiit-pet"])
def test_oxford_is_found_with_official_split_and_species_also_one_folder_down(tmp_path, inside):
    write_oxford(tmp_path / inside)
    dataset = find_dataset(tmp_path, labelled=True)
    assert (dataset.layout, dataset.classes.names) == ("oxford-iiit-pet", SPECIES_NAMES)
    assert splits(dataset) == {"train": 20, "test": 4}
    samples = by_key(dataset)
    assert samples["Bengal_0"].values == {1: 1, 2: 0, 3: IGNORE}
    assert samples["beagle_1"].values == {1: 2, 2: 0, 3: IGNORE}
    assert samples["beagle_1"].mask == MaskFile(tmp_path / inside / "annotations/trimaps/beagle_1.png")


def test_oxford_species_comes_from_the_list_and_from_the_first_letter_without_one(tmp_path):
    write_oxford(tmp_path)
    path = tmp_path / "annotations" / "trainval.txt"
    path.write_text("Bengal_0 1 2 1\nBengal_2\nbeagle_1\n\n# a comment\n")
    samples = by_key(find_dataset(tmp_path, labelled=True))
    assert [samples[key].values[1] for key in ("Bengal_0", "Bengal_2", "beagle_1")] == [2, 1, 2]


def test_oxford_binary_takes_the_pet_as_foreground_and_ignores_the_border(tmp_path):
    dataset = find_dataset(write_oxford(tmp_path), classes="binary", labelled=True)
    assert dataset.classes.names == BINARY_NAMES
    assert all(sample.values == {1: 1, 2: 0, 3: IGNORE} for sample in dataset.samples)


@pytest.mark.parametrize("labelled", [True, False])
def test_oxford_names_the_images_that_no_list_holds_and_leaves_them_out(tmp_path, labelled):
    dataset = find_dataset(write_oxford(tmp_path, unlisted=2), labelled=labelled)
    note, *others = dataset.notes
    assert others == [] if labelled else ["masks that are left aside: 24"]
    assert "2 images" in note
    assert "Bengal_24" in note
    assert "beagle_25" in note
    assert not {"Bengal_24", "beagle_25"} & set(by_key(dataset))


def test_oxford_refuses_a_name_in_both_lists(tmp_path):
    write_oxford(tmp_path)
    (tmp_path / "annotations" / "test.txt").write_text("Bengal_0 1 1 1\n")
    with pytest.raises(UserError, match=r"Bengal_0 is listed in both"):
        find_dataset(tmp_path, labelled=True)


@pytest.mark.parametrize(
    ("gone", "told"),
    [
        ("images/Bengal_0.jpg", r"1 name has no image .*: Bengal_0;"),
        (
            "annotations/trimaps/Bengal_0.png",
            r"1 image has no mask .*Bengal_0\.jpg; looked in annotations/trimaps/",
        ),
        ("annotations/test.txt", r"official split .*test\.txt is missing"),
    ],
)
def test_oxford_with_a_file_missing_is_refused(tmp_path, gone, told):
    write_oxford(tmp_path)
    (tmp_path / gone).unlink()
    with pytest.raises(UserError, match=told):
        find_dataset(tmp_path, labelled=True)


def test_train_val_test_tree_keeps_its_splits_and_holds_species(tmp_path):
    dataset = find_dataset(write_train_val_test(tmp_path), labelled=True)
    assert (dataset.layout, dataset.classes.names) == ("train-val-test", SPECIES_NAMES)
    assert splits(dataset) == {"train": 6, "val": 3, "test": 3}
    first = by_key(dataset)["val/000"]
    assert first.mask == MaskFile(tmp_path / "Val/processed_labels/000.png")
    assert first.values == {0: 0, 1: 1, 2: 2, 255: IGNORE}


def test_train_val_test_tree_as_binary_joins_cats_and_dogs(tmp_path):
    dataset = find_dataset(write_train_val_test(tmp_path), classes="binary", labelled=True)
    assert dataset.samples[0].values == {0: 0, 1: 1, 2: 1, 255: IGNORE}


def test_train_test_masks_pairs_masks_with_an_ending(tmp_path):
    dataset = find_dataset(write_train_test_masks(tmp_path), labelled=True)
    assert (dataset.layout, dataset.classes.names) == ("train-test-masks", BINARY_NAMES)
    assert splits(dataset) == {"train": 20, "test": 5}
    assert by_key(dataset)["test/004"].mask == MaskFile(tmp_path / "test_masks/004_mask.png")


def test_images_masks_pairs_by_name_whatever_the_suffix_and_the_folder_inside(tmp_path):
    files = {
        "images/deep/a.b.JPG": photo(),
        "masks/deep/a.b.png": square_mask(1),
        "images/ISIC_7.jpg": photo(),
        "masks/ISIC_7_Segmentation.png": square_mask(1),
        "images/own_mask.jpg": photo(),
        "masks/own_mask.png": square_mask(1),
    }
    dataset = find_dataset(write_tree(tmp_path, files), labelled=True)
    assert dataset.layout == "images-masks"
    assert {sample.key: sample.mask.path.name for sample in dataset.samples} == {
        "deep/a.b": "a.b.png",
        "ISIC_7": "ISIC_7_Segmentation.png",
        "own_mask": "own_mask.png",
    }
    assert splits(dataset) == {None: 3}
    assert dataset.samples[0].values == {0: 0, 1: 1, 255: 1}


def test_a_yaml_file_gives_the_classes(tmp_path):
    write_images_masks(tmp_path / "data", 2)
    path = tmp_path / "cells.yaml"
    path.write_text("names: [background, cell]\nvalues: {0: 0, 255: 1}\n")
    dataset = find_dataset(tmp_path / "data", classes=str(path), labelled=True)
    assert dataset.classes.names == ("background", "cell")
    assert dataset.samples[0].values == {0: 0, 255: 1}


def test_an_unknown_word_for_classes_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"--classes takes auto, species, binary or .*got speces"):
        find_dataset(write_images_masks(tmp_path, 2), classes="speces", labelled=True)


def test_any_folder_will_do_without_labels_and_hidden_files_are_skipped(tmp_path):
    names = ["a.jpg", "b/c.PNG", "b/d.webp", ".hidden.jpg", ".cache/e.jpg"]
    write_tree(tmp_path, {name: photo() for name in names})
    (tmp_path / "readme.txt").write_text("no image")
    dataset = find_dataset(tmp_path, labelled=False)
    assert (dataset.layout, dataset.classes) == ("folder", None)
    assert [sample.key for sample in dataset.samples] == ["a", "b/c", "b/d"]


@pytest.mark.parametrize("write", [write_oxford, write_train_val_test, write_train_test_masks, write_images_masks])
def test_without_labels_the_same_images_and_splits_come_without_masks(tmp_path, write):
    write(tmp_path)
    labelled, bare = (find_dataset(tmp_path, labelled=labelled) for labelled in (True, False))
    assert [(s.key, s.image, s.split) for s in bare.samples] == [(s.key, s.image, s.split) for s in labelled.samples]
    assert (bare.layout, bare.classes) == (labelled.layout, None)
    assert all(s.mask is None and not s.values for s in bare.samples)


def test_test_images_stay_test_images_where_the_masks_are_not_there(tmp_path):
    write_tree(tmp_path, {"train/a.jpg": photo(1), "test/b.jpg": photo(2)})
    assert splits(find_dataset(tmp_path, labelled=False)) == {"train": 1, "test": 1}


def test_a_layout_is_added_by_the_registry_alone(tmp_path, monkeypatch):
    toy = Layout(words="photos/ truth/", find=parallel(Folders("train", ("photos",), ("truth",))))
    monkeypatch.setitem(LAYOUTS, "toy", toy)
    write_tree(tmp_path / "data", {"photos/a.jpg": photo(1), "truth/a.png": square_mask(255)})
    dataset = find_dataset(tmp_path / "data", labelled=True)
    assert (dataset.layout, dataset.classes.names) == ("toy", BINARY_NAMES)
    assert splits(dataset) == {"train": 1}
    with pytest.raises(UserError, match=re.escape("or photos/ truth/")):
        find_dataset(write_folder(tmp_path / "flat", 3), labelled=True)


def test_a_folder_without_masks_is_refused_for_labels_with_the_layouts_understood(tmp_path):
    with pytest.raises(UserError, match=r"holds 3 images but .*train_masks/"):
        find_dataset(write_folder(tmp_path, 3), labelled=True)


@pytest.mark.parametrize("labelled", [True, False])
def test_a_missing_and_an_empty_folder_are_told_apart(tmp_path, labelled):
    with pytest.raises(UserError, match="there is no folder"):
        find_dataset(tmp_path / "gone", labelled=labelled)
    with pytest.raises(UserError, match="holds no images"):
        find_dataset(tmp_path, labelled=labelled)
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    with pytest.raises(UserError, match="holds no images"):
        find_dataset(tmp_path, labelled=labelled)


def test_images_without_mask_and_masks_without_image_are_counted_and_named(tmp_path):
    write_images_masks(tmp_path, 6)
    for i in range(5):
        (tmp_path / f"masks/00{i}.png").unlink()
    with pytest.raises(UserError, match=r"5 images have no mask .* of 6: .*000\.jpg, .*001\.jpg, .*and 2 more"):
        find_dataset(tmp_path, labelled=True)
    assert len(find_dataset(tmp_path, labelled=False).samples) == 6
    for i in range(5):
        (tmp_path / f"images/00{i}.jpg").unlink()
    write_tree(tmp_path, {"masks/stray.png": square_mask(1)})
    with pytest.raises(UserError, match=r"1 mask has no image .*stray\.png"):
        find_dataset(tmp_path, labelled=True)


def test_two_files_of_one_name_are_refused(tmp_path):
    write_tree(tmp_path, {"a.jpg": photo(), "a.png": photo()})
    with pytest.raises(UserError, match=r"a\.jpg and .*a\.png differ in their suffix alone"):
        find_dataset(tmp_path, labelled=False)


def test_two_masks_for_one_image_are_refused(tmp_path):
    write_images_masks(tmp_path, 1)
    write_tree(tmp_path, {"masks/000_mask.png": square_mask(1)})
    with pytest.raises(UserError, match=r"000\.jpg has 2 masks: .*000\.png, .*000_mask\.png; .*--join"):
        find_dataset(tmp_path, labelled=True)


def write_isic(root):
    for part, count in (("Training", 12), ("Test", 3)):
        folder = f"ISBI2016_ISIC_Part1_{part}"
        for i in range(count):
            name = f"ISIC_{'1' if part == 'Test' else '0'}{i:06}"
            files = {
                f"{folder}_Data/{name}.jpg": photo(i),
                f"{folder}_GroundTruth/{name}_Segmentation.png": square_mask(255),
            }
            write_tree(root, files)
    return root


def test_the_official_folders_of_isic_2016_are_found_with_their_split(tmp_path):
    dataset = find_dataset(write_isic(tmp_path), labelled=True)
    assert (dataset.layout, dataset.classes.names) == ("isic-2016", BINARY_NAMES)
    assert splits(dataset) == {"train": 12, "test": 3}
    mask = by_key(dataset)["test/ISIC_1000000"].mask
    assert mask.path.name == "ISIC_1000000_Segmentation.png"


def write_splits(root, lines):
    (root / "splits.csv").write_text("stem,split\n" + "".join(f"{line}\n" for line in lines))


@pytest.mark.parametrize("labelled", [True, False])
def test_a_file_of_splits_deals_out_images_and_masks(tmp_path, labelled):
    write_images_masks(tmp_path, 4)
    write_splits(tmp_path, ["000,train", "001,test", "003,val", "002,train"])
    found = {key: sample.split for key, sample in by_key(find_dataset(tmp_path, labelled=labelled)).items()}
    assert found == {"000": "train", "001": "test", "002": "train", "003": "val"}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["000,train", "001,test"], r"1 image is missing in it: 002"),
        (["000,train", "001,test", "002,val", "9,val"], "1 of its stems are no image: 9"),
        (["000,train", "001,test", "002,validation"], "train, val or test"),
        (["000,train", "001,test", "002,val", "002,test"], "lists 002 as val and as test"),
        (["000;train"], "columns stem,split"),
    ],
)
def test_a_file_of_splits_that_does_not_fit_is_refused(tmp_path, lines, said):
    write_images_masks(tmp_path, 3)
    write_splits(tmp_path, lines)
    with pytest.raises(UserError, match=said):
        find_dataset(tmp_path, labelled=True)


def test_a_table_of_splits_without_a_column_of_names_is_refused_for_that(tmp_path):
    write_images_masks(tmp_path, 2)
    (tmp_path / "splits.csv").write_text("filename,split\n000,train\n001,test\n")
    with pytest.raises(UserError, match=r"should have the columns stem,split .* not \{'filename': '000'"):
        find_dataset(tmp_path, labelled=True)


def test_a_file_of_splits_in_another_encoding_is_refused(tmp_path):
    write_images_masks(tmp_path, 3)
    (tmp_path / "splits.csv").write_bytes("stem,split\nb\u00e4r,train\n".encode("cp1252"))
    with pytest.raises(UserError, match="not UTF-8"):
        find_dataset(tmp_path, labelled=True)


@pytest.mark.parametrize(("line", "said"), [('"000,train', "is not CSV at line"), ("\x00,train", "does not fit")])
def test_splits_that_are_no_table_are_refused(tmp_path, line, said):
    write_images_masks(tmp_path, 2)
    (tmp_path / "splits.csv").write_text(f"stem,split\n001,train\n{line}\n")
    with pytest.raises(UserError, match=said):
        find_dataset(tmp_path, labelled=True)
