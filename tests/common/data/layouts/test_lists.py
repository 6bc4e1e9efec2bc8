"""Lists of names that say the split, where no folders do."""

import pytest
from datasets import write_images_masks, write_tree
from made_layouts import coco, picture, yolo

from common.data.layouts.registry import find_dataset
from common.errors import UserError


def splits(root, *, labelled=True):
    return {sample.key: sample.split for sample in find_dataset(root, labelled=labelled).samples}


def write_lists(root, **lists):
    for name, lines in lists.items():
        (root / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines))


@pytest.mark.parametrize("line", ["{}", "{}.jpg", "images/{}.jpg", "./images/{}.jpg", "images/{0}.jpg masks/{0}.png"])
@pytest.mark.parametrize("labelled", [True, False])
def test_lists_of_names_say_the_split(tmp_path, line, labelled):
    write_images_masks(tmp_path, 4)
    names = {"train": ["000", "003"], "val": ["002"], "test": ["001"]}
    write_lists(tmp_path, **{split: [line.format(name) for name in several] for split, several in names.items()})
    assert splits(tmp_path, labelled=labelled) == {"000": "train", "001": "test", "002": "val", "003": "train"}
    notes = find_dataset(tmp_path, labelled=labelled).notes
    assert "lists of names say the split: 1 test, 2 train, 1 val" in notes


def test_lists_say_the_split_of_other_layouts_too(tmp_path):
    yolo(tmp_path / "yolo", 1)
    for kind in ("images", "labels"):
        for path in (tmp_path / f"yolo/{kind}").glob("*/*"):
            path.rename(path.parent.parent / path.name)
    write_lists(tmp_path / "yolo", train=["./images/train0.jpg", "./images/val0.jpg"], val=["./images/test0.jpg"])
    assert splits(tmp_path / "yolo") == {"train0": "train", "val0": "train", "test0": "val"}


def test_images_in_no_list_are_left_out_and_lines_that_name_no_image_are_counted(tmp_path):
    write_images_masks(tmp_path, 3)
    write_lists(tmp_path, train=["000", "gone"], val=["001"])
    dataset = find_dataset(tmp_path, labelled=True)
    assert [sample.key for sample in dataset.samples] == ["000", "001"]
    assert "lists of names say the split: 1 train, 1 val" in dataset.notes
    assert "train.txt has 1 line without the name of an image: gone" in dataset.notes
    assert any(note.startswith("1 image is left out, in no list of a split: ") for note in dataset.notes)


def test_where_no_list_says_what_to_train_on_the_rest_is(tmp_path):
    write_images_masks(tmp_path, 3)
    write_lists(tmp_path, test=["001"])
    assert splits(tmp_path) == {"000": None, "001": "test", "002": None}


@pytest.mark.parametrize("labelled", [True, False])
def test_lists_that_name_no_image_do_not_say_a_split_in_silence(tmp_path, labelled):
    write_images_masks(tmp_path, 4)
    write_lists(tmp_path, train=['"000.jpg"', '"001.jpg"'], test=['"002.jpg"'])
    dataset = find_dataset(tmp_path, labelled=labelled)
    assert {sample.split for sample in dataset.samples} == {None}
    assert 'train.txt has 2 lines without the name of an image: "000.jpg", "001.jpg"' in dataset.notes
    assert 'test.txt has 1 line without the name of an image: "002.jpg"' in dataset.notes


def test_lines_that_name_images_without_a_mask_name_images(tmp_path):
    for name in "abc":
        write_tree(tmp_path / name, {"images/x.png": picture(name), "masks/1.png": picture(name)[..., 0]})
    (tmp_path / "c/masks/1.png").unlink()
    write_lists(tmp_path, train=["a"], test=["b", "c"])
    dataset = find_dataset(tmp_path, labelled=True)
    assert {sample.key: sample.split for sample in dataset.samples} == {"a": "train", "b": "test"}
    assert not any("without the name of an image" in note for note in dataset.notes)


def test_folders_go_before_lists_and_texts_of_other_things_are_none(tmp_path):
    coco(tmp_path / "coco", 1)
    write_lists(tmp_path / "coco", train=["test0"], val=["train0", "val0"])
    assert set(splits(tmp_path / "coco").values()) == {"train", "val", "test"}
    write_images_masks(tmp_path / "flat", 2)
    write_lists(tmp_path / "flat", train=["epoch 1: loss 0.2"])
    assert splits(tmp_path / "flat") == {"000": None, "001": None}


def test_a_name_in_two_lists_is_refused(tmp_path):
    write_images_masks(tmp_path, 3)
    write_lists(tmp_path, train=["000", "001"], test=["000.jpg", "002"])
    with pytest.raises(UserError, match=r"train\.txt lists 000, which is listed as test too"):
        find_dataset(tmp_path, labelled=True)


@pytest.mark.parametrize("name", ["split.csv", "folds.json", "splits_5fold.yaml", "Split.CSV"])
def test_a_file_that_sounds_like_a_split_and_is_not_read_is_named(tmp_path, name):
    write_images_masks(tmp_path, 2)
    (tmp_path / name).write_text("stem,split\n000,train\n001,test\n")
    assert f"{name} says no split that is read: write the names into train.txt, val.txt and test.txt" in (
        find_dataset(tmp_path, labelled=True).notes
    )


def test_a_folder_of_splits_is_no_file_of_them(tmp_path):
    write_images_masks(tmp_path, 2)
    write_tree(tmp_path, {"split.csv/a.jpg": picture("a")})
    assert not any("says no split" in note for note in find_dataset(tmp_path, labelled=True).notes)
