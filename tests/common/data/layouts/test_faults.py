"""What data sets hold beside what a layout asks for: read rightly, counted in a note, or refused by name."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from datasets import write_oxford, write_tree
from made_layouts import MADE, SIDE, coco, corners, drawn, picture, roboflow, voc, yolo
from PIL import Image
from pycocotools.mask import encode

from common.data.classes import Classes
from common.data.layouts.registry import Patterns, find_dataset
from common.data.masks.labels import read_labels
from common.data.masks.mask import Frame, NoObjects
from common.data.opened import BadFileError
from common.data.values import ValueTable
from common.errors import UserError

INSTANCES = "annotations/instances_train2017.json"
FRAME = Frame(Path("image"), SIDE, SIDE)


def of(dataset, name):
    (sample,) = [sample for sample in dataset.samples if sample.image.stem == name]
    return sample


def classes_of(sample):
    return read_labels(sample.mask, sample.values, FRAME).classes


@pytest.mark.parametrize(
    "masks",
    [
        *("b/masks/{}.png", "b/train_labels/{}.png", "SegmentationObject/{}.png", "b/labels/x/{}_gt.png"),
        *("labels/{}/1.png", "b/Ground Truth/{}.png", "b/target/{}.png", "masken/{}.png"),
    ],
)
def test_phase_1_leaves_out_folders_of_masks_whatever_lies_around_them(tmp_path, masks):
    files = {f"a/photos/{name}.jpg": picture(name) for name in "xyz"} | {masks.format("x"): drawn("x")}
    dataset = find_dataset(write_tree(tmp_path, files), labelled=False)
    assert [sample.key for sample in dataset.samples] == ["a/photos/x", "a/photos/y", "a/photos/z"]
    assert dataset.notes == ("masks that are left aside: 1",)


@pytest.mark.parametrize("mask", ["mask", "Label", "GT"])
def test_phase_1_takes_no_photograph_for_a_file_that_is_called_mask_alone(tmp_path, mask):
    write_tree(tmp_path, {f"{name}/{kind}.png": picture(name) for name in "ab" for kind in ("image", mask)})
    write_tree(tmp_path, {f"x/{mask}.png": picture("c")})
    dataset = find_dataset(tmp_path, labelled=False)
    assert [sample.key for sample in dataset.samples] == ["a/image", "b/image", f"x/{mask}"]
    assert dataset.notes == ("masks that are left aside: 2",)


def test_photographs_in_folders_that_only_sound_like_masks_are_photographs(tmp_path):
    files = {
        f"{folder}/{name}.jpg": picture(name) for folder, name in (("masks", "p1"), ("labels", "p2"), ("more", "p3"))
    }
    dataset = find_dataset(write_tree(tmp_path, files), labelled=False)
    assert len(dataset.samples) == 3
    assert dataset.notes == ()


def test_the_folders_of_photographs_say_their_split(tmp_path):
    files = {
        f"{split}/deep/{i}.jpg": picture(f"{split}{i}") for split in ("train", "valid", "testing") for i in range(2)
    }
    dataset = find_dataset(write_tree(tmp_path / "photos", {"more/0.jpg": picture("m"), **files}), labelled=False)
    assert [sample.split for sample in dataset.samples] == [None, "test", "test", "train", "train", "val", "val"]
    assert "the folders say the split: 2 test, 2 train, 2 val" in dataset.notes
    assert "1 image is in no folder of a split, so that a hash of the name decides: more/0" in dataset.notes


@pytest.mark.parametrize("place", ["archive", "archive/data/archive"])
def test_a_data_set_in_folders_that_hold_nothing_else_is_named(tmp_path, place):
    MADE["CamVid"].write(tmp_path / place, 1)
    (tmp_path / "__MACOSX").mkdir()
    with pytest.raises(UserError, match=rf"but \S*{place} is one: train/ .*give that as --data_dir"):
        find_dataset(tmp_path, labelled=True)


def test_of_several_data_sets_in_a_folder_none_is_taken_for_all(tmp_path):
    names = [f"p{i}/{{}}/{name}.png" for i in range(3) for name in "ab"]
    write_tree(tmp_path, {name.format(kind): drawn(name) for name in names for kind in ("images", "masks")})
    with pytest.raises(UserError, match=r"3 folders in it are: .*p0, .*p1, .*p2; give one") as error:
        find_dataset(tmp_path, labelled=True)
    images, masks = re.findall(r"--\w+ '(\S+)'", str(error.value))
    dataset = find_dataset(tmp_path, labelled=True, patterns=Patterns(images, masks))
    assert len(dataset.samples) == 6


@pytest.mark.parametrize("labelled", [True, False])
def test_one_folder_that_lacks_its_image_does_not_make_another_data_set_of_the_rest(tmp_path, labelled):
    MADE["a folder each"].write(tmp_path, 2)
    (tmp_path / "stage1_train/train0/images/train0.png").unlink()
    if labelled:
        with pytest.raises(UserError, match=r"2 masks have no image of the same name: .*train0/masks/a2\.png"):
            find_dataset(tmp_path, labelled=True)
    else:
        assert len(find_dataset(tmp_path, labelled=False).samples) == 5


def test_one_folder_of_several_images_among_folders_of_one_is_refused_by_name(tmp_path):
    MADE["a folder each"].write(tmp_path, 2)
    write_tree(tmp_path, {"stage1_train/train0/images/more.png": picture("more")})
    with pytest.raises(UserError, match=r"stage1_train/train0 holds several images, where other folders hold one each"):
        find_dataset(tmp_path, labelled=True)


def test_images_of_types_that_are_not_read_are_named_where_masks_have_no_image(tmp_path):
    write_tree(tmp_path, {"images/a.png": picture("a"), "masks/a.png": drawn("a"), "masks/b.png": drawn("b")})
    (tmp_path / "images/b.dcm").write_bytes(b"DICM")
    with pytest.raises(UserError, match=r"1 mask has no image .*passed over: .*b\.dcm \(of a type that is not read\)"):
        find_dataset(tmp_path, labelled=True)


def test_photographs_in_no_list_of_voc_have_no_mask(tmp_path):
    voc(tmp_path, 1)
    (note,) = find_dataset(tmp_path, labelled=True).notes
    assert note.startswith("1 image is left out, listed in no file of ImageSets/Segmentation: ")
    assert "extra" in {sample.key for sample in find_dataset(tmp_path, labelled=False).samples}
    (tmp_path / "ImageSets/Segmentation/val.txt").write_text("train0\n")
    with pytest.raises(UserError, match="train0 is listed as train and as val"):
        find_dataset(tmp_path, labelled=True)


def test_the_classes_of_voc_are_those_of_its_folder_or_of_cvat_s_table(tmp_path):
    voc(tmp_path / "VOC2012", 1)
    (tmp_path / "VOC2012/class_names.txt").unlink()
    official = find_dataset(tmp_path / "VOC2012", labelled=True)
    assert (len(official.classes.names), official.classes.names[15]) == (21, "person")
    assert (classes_of(of(official, "train0")) == drawn("train0", 1)).all()
    (tmp_path / "VOC2012/labelmap.txt").write_text("# label:color:parts:actions\ncell:128,0,0::\nbackground:0,0,0::\n")
    cvat = find_dataset(tmp_path / "VOC2012", labelled=True)
    assert cvat.classes.names == ("background", "cell")
    assert (classes_of(of(cvat, "train0")) == drawn("train0", 1)).all()
    (tmp_path / "VOC2012").rename(tmp_path / "mine")
    (tmp_path / "mine/labelmap.txt").unlink()
    assert find_dataset(tmp_path / "mine", labelled=True).classes.names == ("background", "foreground")


def test_cities_without_masks_are_left_out(tmp_path):
    MADE["Cityscapes"].write(tmp_path, 2)
    write_tree(tmp_path, {"leftImg8bit/train_extra/ulm/a_leftImg8bit.png": picture("a")})
    dataset = find_dataset(tmp_path, labelled=True)
    assert dataset.notes[0].startswith("1 image is left out, in a folder that gtFine/ lacks: ")
    assert dataset.classes.background is None
    mask = Image.fromarray(np.full((SIDE, SIDE), 4, np.uint8))
    mask.save(dataset.samples[0].mask.path)
    assert (classes_of(dataset.samples[0]) == 255).all()


def rewrite(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def run_lengths(mask):
    """The lengths of runs of 0 and 1, down the columns, which begin with those of 0."""
    ends = np.flatnonzero(np.diff(mask.T.ravel(), prepend=0, append=2))
    return np.diff(ends, prepend=0).tolist()


def test_outlines_of_coco_may_be_polygons_or_run_lengths(tmp_path):
    coco(tmp_path, 1)
    mask = drawn("train0", 1)
    compressed = encode(np.asfortranarray(mask))["counts"].decode()
    for counts in (run_lengths(mask), compressed):
        outlines = {"size": [SIDE, SIDE], "counts": counts}
        rewrite(tmp_path / INSTANCES, lambda content, outlines=outlines: set_outlines(content, outlines))
        np.testing.assert_array_equal(classes_of(of(find_dataset(tmp_path, labelled=True), "train0")), mask)


def set_outlines(content, outlines):
    content["annotations"][0]["segmentation"] = outlines


def test_a_later_object_of_coco_covers_an_earlier_one_and_an_image_may_show_none(tmp_path):
    coco(tmp_path, 2)

    def change(content):
        content["categories"][0]["name"] = "hole"
        content["annotations"][1] = {
            "id": 9,
            "image_id": 0,
            "category_id": 3,
            "segmentation": [[0, 0, 8, 0, 8, 8, 0, 8]],
        }

    rewrite(tmp_path / INSTANCES, change)
    dataset = find_dataset(tmp_path, labelled=True)
    assert dataset.classes.names == ("background", "hole", "cell")
    shown = [np.unique(classes_of(of(dataset, name))).tolist() for name in ("train0", "train1", "val0")]
    assert shown == [[1], [0], [0, 2]]


def test_a_category_called_background_is_the_background(tmp_path):
    coco(tmp_path, 1)
    rewrite(tmp_path / INSTANCES, lambda content: content["categories"][1].update(name="Background"))
    dataset = find_dataset(tmp_path, labelled=True)
    assert dataset.classes.names == ("background", "cell")
    assert (classes_of(of(dataset, "train0")) == 0).all()


def test_images_of_coco_with_boxes_alone_and_images_that_it_does_not_name_are_left_out(tmp_path):
    coco(tmp_path, 2)
    write_tree(tmp_path / "train2017", {"other.jpg": picture("other")})
    rewrite(tmp_path / INSTANCES, lambda content: content["annotations"][0].update(segmentation=[], bbox=[0, 0, 4, 4]))
    dataset = find_dataset(tmp_path, labelled=True)
    assert dataset.notes[0].startswith("2 images are left out, which no JSON file names, or of which it has boxes ")
    assert {"train2017/train0", "train2017/other"} <= {s.key for s in find_dataset(tmp_path, labelled=False).samples}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda content: content["images"].append({"id": 5, "file_name": "gone.jpg"}),
            "names 1 image .*gone.jpg; add",
        ),
        (lambda content: content["images"].append(dict(content["images"][0])), "names an image twice"),
        (lambda content: content["images"].append({"id": 5}), r"is not whole: .*file_name"),
        (lambda content: content["annotations"][0].pop("image_id"), "is not whole"),
        (lambda content: content["categories"].clear(), "categories that it does not name: 7"),
    ],
)
def test_a_file_of_coco_that_is_not_whole_is_refused_by_name(tmp_path, change, said):
    coco(tmp_path, 1)
    rewrite(tmp_path / INSTANCES, change)
    with pytest.raises(UserError, match=f"instances_train2017.json.*{said}|{said}"):
        find_dataset(tmp_path, labelled=True)


def test_ids_of_coco_may_be_numbers_here_and_texts_there(tmp_path):
    coco(tmp_path, 1)
    rewrite(tmp_path / INSTANCES, lambda content: content["annotations"][0].update(image_id="0", category_id="7"))
    np.testing.assert_array_equal(classes_of(of(find_dataset(tmp_path, labelled=True), "train0")), drawn("train0", 1))


def test_annotations_of_coco_that_belong_to_no_image_are_counted_and_refused_where_none_does(tmp_path):
    coco(tmp_path, 2)
    rewrite(tmp_path / INSTANCES, lambda content: content["annotations"][0].update(image_id=77))
    dataset = find_dataset(tmp_path, labelled=True)
    assert any(note.startswith("1 annotation is left out, of images that") for note in dataset.notes)
    rewrite(tmp_path / INSTANCES, lambda content: content["annotations"][1].update(image_id=78))
    with pytest.raises(UserError, match=r"instances_train2017\.json: the annotations are of images .*image_id 77, 78"):
        find_dataset(tmp_path, labelled=True)


def test_a_file_of_coco_without_annotations_labels_no_image(tmp_path):
    coco(tmp_path, 1)
    others = [INSTANCES.replace("train", split) for split in ("val", "test")]
    rewrite(tmp_path / others[1], lambda content: content["annotations"].clear())
    dataset = find_dataset(tmp_path, labelled=True)
    assert [sample.image.stem for sample in dataset.samples] == ["train0", "val0"]
    for name in (INSTANCES, others[0]):
        rewrite(tmp_path / name, lambda content: content["annotations"].clear())
    with pytest.raises(UserError, match=r"\.json.*: no object is annotated"):
        find_dataset(tmp_path, labelled=True)


def test_files_of_coco_are_found_whatever_their_capital_letters(tmp_path):
    coco(tmp_path, 2)
    rewrite(tmp_path / INSTANCES, lambda content: content["images"][0].update(file_name="C:\\data\\Train0.JPG"))
    np.testing.assert_array_equal(classes_of(of(find_dataset(tmp_path, labelled=True), "train0")), drawn("train0", 1))


def test_a_polygon_of_coco_that_stands_alone_is_one(tmp_path):
    coco(tmp_path, 1)
    rewrite(tmp_path / INSTANCES, lambda content: set_outlines(content, corners("train0", SIDE)))
    np.testing.assert_array_equal(classes_of(of(find_dataset(tmp_path, labelled=True), "train0")), drawn("train0", 1))


@pytest.mark.parametrize(
    ("outlines", "said"),
    [
        ({"size": [SIDE + 1, SIDE], "counts": [0, SIDE * (SIDE + 1)]}, "run lengths are of 8 x 9 pixels"),
        ([[0, 0, float("nan"), 1, 4, 4]], "a corner is no number"),
        ([[0, 0, float("inf"), 1, 4, 4]], "a corner is no number"),
    ],
)
def test_outlines_that_cannot_be_drawn_say_why(tmp_path, outlines, said):
    coco(tmp_path, 1)
    rewrite(tmp_path / INSTANCES, lambda content: set_outlines(content, outlines))
    with pytest.raises(BadFileError, match=said):
        classes_of(of(find_dataset(tmp_path, labelled=True), "train0"))


@pytest.mark.parametrize("write", [coco, yolo])
def test_outlines_that_cover_no_pixel_are_noticed(tmp_path, write):
    write(tmp_path, 1)
    if write is coco:
        rewrite(tmp_path / INSTANCES, lambda content: set_outlines(content, [[90, 90, 95, 90, 95, 95]]))
    else:
        (tmp_path / "labels/train/train0.txt").write_text("0 1.2 1.2 1.3 1.2 1.3 1.3\n")
    sample = of(find_dataset(tmp_path, labelled=True), "train0")
    assert sample.mask.read(FRAME, ValueTable(sample.values)).lost == {"outline"}


def test_a_damaged_file_of_coco_is_refused_and_other_json_is_none(tmp_path):
    coco(tmp_path, 1)
    (tmp_path / INSTANCES).write_text('{"images": [')
    with pytest.raises(UserError, match=r"cannot read .*instances_train2017\.json"):
        find_dataset(tmp_path, labelled=True)
    for path in (tmp_path / "annotations").iterdir():
        path.write_text('{"shapes": []}')
    with pytest.raises(UserError, match="no masks in a layout that is understood"):
        find_dataset(tmp_path, labelled=True)


def test_outlines_that_fit_no_image_are_bad_files(tmp_path):
    coco(tmp_path, 1)
    for outlines in ([[1, 2]], [["a", 1, 2, 3, 4, 5]], {"size": [SIDE, SIDE]}):
        rewrite(tmp_path / INSTANCES, lambda content, outlines=outlines: set_outlines(content, outlines))
        with pytest.raises(BadFileError, match=r"outlines of train0\.jpg in .*instances_train2017\.json"):
            classes_of(of(find_dataset(tmp_path, labelled=True), "train0"))
    rewrite(tmp_path / INSTANCES, lambda content: set_outlines(content, [corners("train0", SIDE)]))
    rewrite(tmp_path / INSTANCES, lambda content: content["images"][0].update(width=SIDE + 1))
    with pytest.raises(BadFileError, match=r"is 8 x 8 pixels and its mask .* 9 x 8"):
        classes_of(of(find_dataset(tmp_path, labelled=True), "train0"))


@pytest.mark.parametrize("name", ["log.json", "._instances_train2017.json"])
def test_json_that_is_none_of_coco_is_passed_over(tmp_path, name):
    coco(tmp_path, 1)
    (tmp_path / "annotations" / name).write_bytes(b'{"level": 1}\n{"level": 2}\n')
    assert len(find_dataset(tmp_path, labelled=True).samples) == 3


def test_phase_1_takes_the_images_of_coco_whatever_its_categories(tmp_path):
    coco(tmp_path, 1)
    for path in (tmp_path / "annotations").iterdir():
        rewrite(path, lambda content: content.update(annotations=[]))
    assert len(find_dataset(tmp_path, labelled=False).samples) == 3
    many = [{"id": i, "name": f"kind {i}"} for i in range(300)]
    objects = [{"id": i, "image_id": 0, "category_id": i, "segmentation": [[0, 0, 2, 0, 2, 2]]} for i in range(300)]
    rewrite(tmp_path / INSTANCES, lambda content: content.update(annotations=objects, categories=many))
    assert len(find_dataset(tmp_path, labelled=False).samples) == 3
    with pytest.raises(UserError, match="categories of the JSON files can't be classes"):
        find_dataset(tmp_path, labelled=True)


def test_the_name_of_the_data_sets_own_folder_says_no_split_of_coco(tmp_path):
    root = tmp_path / "test"
    coco(root, 1)
    (root / INSTANCES).rename(root / "all.json")
    shutil.rmtree(root / "annotations")
    write_tree(root, {"train0.jpg": picture("train0")})
    assert of(find_dataset(root, labelled=True), "train0").split is None


def test_pictures_elsewhere_that_differ_in_their_suffix_do_not_stop_another_layout(tmp_path):
    yolo(tmp_path, 1)
    write_tree(tmp_path, {"plots/curve.png": picture("p"), "plots/curve.jpg": picture("p")})
    assert find_dataset(tmp_path, labelled=True).layout == "yolo"


def test_corners_of_coco_in_shares_of_the_sides_are_refused(tmp_path):
    coco(tmp_path, 1)
    rewrite(tmp_path / INSTANCES, lambda content: set_outlines(content, [corners("train0", 1)]))
    with pytest.raises(BadFileError, match=r"train0\.jpg .*: all corners lie between 0 and 1: multiply them"):
        classes_of(of(find_dataset(tmp_path, labelled=True), "train0"))


def test_an_image_of_yolo_without_a_text_shows_no_object(tmp_path):
    yolo(tmp_path, 2)
    (tmp_path / "labels/val/val0.txt").unlink()
    (tmp_path / "labels/val/val1.txt").write_text("\n")
    dataset = find_dataset(tmp_path, labelled=True)
    assert "1 image is without a text in labels/, and taken to show no object: val/val0" in dataset.notes
    empty = [sample for sample in dataset.samples if sample.split == "val"]
    assert empty[0].mask == NoObjects()
    assert not any(classes_of(sample).any() for sample in empty)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 0.5 0.5 0.2 0.2\n", r"train0\.txt: it holds boxes"),
        ("0 0.5 0.5 0.2\n", r"train0\.txt: '0 0.5 0.5 0.2' is no line"),
        ("0 1 2 30 2 30 40\n", "is no line"),
        ("cell 0.1 0.1 0.2 0.1 0.2 0.2\n", "cell"),
        ("0 nan nan nan nan nan nan\n", "is no line"),
        ("-1 0.1 0.1 0.2 0.1 0.2 0.2\n", "-1 is no class"),
        ("0.5 0.1 0.1 0.2 0.1 0.2 0.2\n", "0.5 is no class"),
        ("0 0.1 0.1 0.2 0.1 0.2 0.2 0.9\n", "one number too many, as of predictions"),
    ],
)
def test_a_text_of_yolo_without_outlines_is_a_bad_file(tmp_path, text, said):
    yolo(tmp_path, 1)
    (tmp_path / "labels/train/train0.txt").write_text(text)
    (sample,) = [sample for sample in find_dataset(tmp_path, labelled=True).samples if sample.split == "train"]
    with pytest.raises(BadFileError, match=said):
        classes_of(sample)


def test_yolo_may_keep_its_splits_outside_and_its_classes_in_a_list(tmp_path):
    for split in ("train", "valid"):
        write_tree(tmp_path / split, {f"images/{split}.jpg": picture(split)})
        (tmp_path / split / "labels").mkdir()
        (tmp_path / split / f"labels/{split}.txt").write_text(f"1 {' '.join(map(str, corners(split, 1)))}\n")
    (tmp_path / "data.yaml").write_text("nc: 2\nnames: [yes, no]\n")
    dataset = find_dataset(tmp_path, labelled=True)
    assert [(sample.key, sample.split) for sample in dataset.samples] == [
        ("train/train", "train"),
        ("val/valid", "val"),
    ]
    assert dataset.classes.names == ("background", "yes", "no")
    np.testing.assert_array_equal(classes_of(dataset.samples[0]), drawn("train", 2))
    (tmp_path / "data.yaml").write_text("nc: 2\n")
    with pytest.raises(UserError, match=r"data\.yaml names no classes"):
        find_dataset(tmp_path, labelled=True)


def test_a_class_of_yolo_may_be_written_with_a_point_and_one_without_a_name_is_told_by_its_number(tmp_path):
    yolo(tmp_path, 1)
    text = tmp_path / "labels/train/train0.txt"
    outline = text.read_text()[1:]
    text.write_text(f"0.0{outline}")
    np.testing.assert_array_equal(classes_of(of(find_dataset(tmp_path, labelled=True), "train0")), drawn("train0", 1))
    text.write_text(f"7{outline}")
    with pytest.raises(UserError, match=r"train0\.txt has outlines of class 7 \(counted from 0\), which nothing names"):
        classes_of(of(find_dataset(tmp_path, labelled=True), "train0"))
    text.write_bytes(outline.encode("utf-16"))
    with pytest.raises(BadFileError, match="no text in UTF-8"):
        classes_of(of(find_dataset(tmp_path, labelled=True), "train0"))


@pytest.mark.parametrize("place", ["classes.txt", "labels/classes.txt", "labels/train/classes.txt"])
def test_a_list_of_labelimg_names_the_classes_of_yolo_and_is_no_mask(tmp_path, place):
    yolo(tmp_path, 1)
    (tmp_path / "data.yaml").unlink()
    (tmp_path / place).write_text("\ufeffvessel\r\ncell\r\n")
    assert find_dataset(tmp_path, labelled=True).classes.names == ("background", "vessel", "cell")
    (tmp_path / place).write_text("cell\ncell\n")
    with pytest.raises(UserError, match=r"classes\.txt: classes need 2 to 253 different names"):
        find_dataset(tmp_path, labelled=True)


@pytest.mark.parametrize("names", ["[dog, cat]", "[bird, dog, cat]"])
def test_a_network_finds_its_classes_in_other_data_by_their_names(tmp_path, names):
    yolo(tmp_path, 1)
    before = (tmp_path / "labels/train/train0.txt").read_text()
    (tmp_path / "labels/train/train0.txt").write_text(f"{names.count(',')}{before[1:]}")
    (tmp_path / "data.yaml").write_text(f"names: {names}\n")
    known = Classes(("background", "cat", "dog"), {0: 0, 1: 1, 2: 2})
    dataset = find_dataset(tmp_path, labelled=True, classes=known)
    assert dataset.classes.names == known.names
    np.testing.assert_array_equal(classes_of(of(dataset, "train0")), drawn("train0", 1))


def test_tables_of_classes_that_differ_between_splits_are_refused(tmp_path):
    MADE["Roboflow"].write(tmp_path, 1)
    (tmp_path / "val/_classes.csv").write_text("Pixel Value, Class\n0, background\n1, other\n")
    with pytest.raises(UserError, match=r"_classes\.csv and .*_classes\.csv name different classes"):
        find_dataset(tmp_path, labelled=True)


def voc_of_cvat(root, count):
    voc(root, count)
    (root / "class_names.txt").unlink()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (voc, "ImageSets/Segmentation/train.txt"),
        (voc, "class_names.txt"),
        (voc_of_cvat, "labelmap.txt"),
        (lambda root, _: write_oxford(root), "annotations/test.txt"),
        (roboflow, "train/_classes.csv"),
    ],
    ids=["lists of VOC", "classes of labelme", "classes of CVAT", "lists of Oxford", "classes of Roboflow"],
)
def test_a_text_in_another_encoding_is_named(tmp_path, make, text):
    make(tmp_path, 6)
    (tmp_path / text).write_bytes("caf\u00e9\n".encode("latin-1"))
    with pytest.raises(UserError, match=f"{Path(text).name} is not UTF-8 text"):
        find_dataset(tmp_path, labelled=True)


def test_an_empty_table_of_classes_is_named(tmp_path):
    roboflow(tmp_path, 6)
    (tmp_path / "train/_classes.csv").write_bytes(b"")
    with pytest.raises(UserError, match=r"_classes\.csv is no table"):
        find_dataset(tmp_path, labelled=True)


@pytest.mark.parametrize("nested", ["images", "masks"])
def test_where_only_images_or_masks_lie_in_folders_the_pattern_that_pairs_them_is_named(tmp_path, nested):
    for split in ("train", "test"):
        for i in range(2):
            for kind, pixels in (("images", picture(f"{split}{i}")), ("masks", drawn(f"{split}{i}"))):
                folder = f"{kind}/{split}" if kind == nested else kind
                write_tree(tmp_path, {f"{folder}/{split}{i}.png": pixels})
    with pytest.raises(UserError, match="4 images have no mask of the same name") as refused:
        find_dataset(tmp_path, labelled=True)
    said = re.search(r"say so with --images '(.+)' --masks '(.+)'$", str(refused.value))
    assert said is not None
    dataset = find_dataset(tmp_path, labelled=True, patterns=Patterns(said[1], said[2]))
    assert all(str(sample.mask).endswith(sample.image.name) for sample in dataset.samples)
    assert len(dataset.samples) == 4
