"""Files of LabelMe: shapes of each kind, labels that are no class, and what is refused."""

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
from datasets import write_tree
from made_layouts import SIDE, labelme, labelme_file, picture
from PIL import Image

from common.data.layouts.registry import find_dataset
from common.data.masks.labels import read_labels
from common.data.masks.mask import Frame
from common.data.opened import BadFileError
from common.data.values import IGNORE, ValueTable
from common.errors import UserError

FRAME = Frame(Path("image"), SIDE, SIDE)
SQUARE = [[2, 1], [6, 1], [6, 5], [2, 5]]


def shape(label="cell", points=SQUARE, kind="polygon", **more):
    return {"label": label, "points": points, "shape_type": kind, **more}


def data_set(root, *shapes):
    """One image and its file."""
    write_tree(root, {"a.jpg": picture("a")})
    labelme_file(root / "a.json", shapes)
    return find_dataset(root, labelled=True)


def classes_in(dataset):
    (sample,) = dataset.samples
    return read_labels(sample.mask, sample.values, FRAME).classes


def square(value=1):
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[1:5, 2:6] = value
    return mask


def png(area):
    file = io.BytesIO()
    Image.fromarray(area).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


@pytest.mark.parametrize(
    "drawn",
    [
        shape(),
        shape(kind=None),
        shape(kind="rectangle", points=[[2, 1], [6, 5]]),
        shape(kind="rectangle", points=[[6, 5], [2, 1]]),
        shape(kind="rectangle"),
        shape(kind="rotation"),
        shape(kind="mask", points=[[2, 1], [5, 4]], mask=png(np.full((4, 4), True))),
        shape(
            kind="mask", points=[[-1, 0], [5, 4]], mask=png(np.pad(np.full((4, 4), 255, np.uint8), ((1, 0), (3, 0))))
        ),
    ],
    ids=["polygon", "older", "rectangle", "from below", "four corners", "turned", "mask", "mask that sticks out"],
)
def test_every_kind_of_shape_covers_its_pixels(tmp_path, drawn):
    np.testing.assert_array_equal(classes_in(data_set(tmp_path, drawn)), square())


def test_a_circle_is_its_centre_and_a_point_on_it(tmp_path):
    area = classes_in(data_set(tmp_path, shape(kind="circle", points=[[4, 4], [4, 7]])))
    assert area.sum() == pytest.approx(np.pi * 9, abs=4)
    assert area[4, 4] == 1
    assert not area[[0, 0, -1, -1], [0, -1, 0, -1]].any()


def test_a_later_shape_covers_an_earlier_one_and_some_labels_are_no_class(tmp_path):
    hole, unsure = [[3, 2], [4, 2], [4, 3], [3, 3]], [[4, 3], [6, 3], [6, 5], [4, 5]]
    dataset = data_set(tmp_path, shape(), shape("_background_", hole), shape("__ignore__", unsure))
    wanted = square()
    wanted[2, 3], wanted[3:5, 4:6] = 0, IGNORE
    np.testing.assert_array_equal(classes_in(dataset), wanted)
    assert dataset.classes.names == ("background", "cell")


def test_labels_are_the_classes_in_the_order_of_their_names(tmp_path):
    labelme_file(tmp_path / "b.json", [shape("vein")])
    write_tree(tmp_path, {"b.jpg": picture("b")})
    dataset = data_set(tmp_path, shape("cell 10"), shape("cell 9"), shape("tip", [[1, 1]], "point"))
    assert dataset.classes.names == ("background", "cell 9", "cell 10", "vein")
    assert "1 shape is left out, of a kind that covers no area: point" in dataset.notes


def test_files_may_lie_in_a_folder_beside_that_of_the_images(tmp_path):
    write_tree(tmp_path, {f"images/{name}.jpg": picture(name) for name in "ab"})
    labelme_file(tmp_path / "annotations/A.json", [shape()])
    (tmp_path / "annotations/settings.json").write_text('{"shapes_of_old": []}')
    dataset = find_dataset(tmp_path, labelled=True)
    np.testing.assert_array_equal(classes_in(dataset), square())
    assert "1 image is left out, of which there is no JSON file: " in " ".join(dataset.notes)


@pytest.mark.parametrize("files", [["team_a/a", "team_b/a"], ["a", "old/a"]])
def test_several_files_of_an_image_are_refused_by_name(tmp_path, files):
    write_tree(tmp_path, {"a.jpg": picture("a")})
    for name in files:
        labelme_file(tmp_path / f"{name}.json", [shape()])
    with pytest.raises(UserError, match=rf"a\.jpg has 2 files of outlines: .*{files[1]}\.json; keep one"):
        find_dataset(tmp_path, labelled=True)


def test_images_of_the_same_name_have_the_file_that_names_them_or_lies_nearest(tmp_path):
    for split in ("train", "val"):
        write_tree(tmp_path, {f"{split}/images/0.jpg": picture("0"), f"{split}/images/1.jpg": picture("1")})
        labelme_file(tmp_path / f"{split}/labels/0.json", [shape()])
        labelme_file(tmp_path / f"all/{split}_1.json", [shape()])
        path = tmp_path / f"all/{split}_1.json"
        path.write_text(path.read_text().replace(f"{split}_1.jpg", f"..\\\\{split}\\\\images\\\\1.jpg"))
    pairs = {sample.key: sample.mask.path for sample in find_dataset(tmp_path, labelled=True).samples}
    assert pairs == {
        f"{split}/images/{i}": tmp_path / (f"{split}/labels/0.json" if i == 0 else f"all/{split}_1.json")
        for split in ("train", "val")
        for i in range(2)
    }


def test_a_file_whose_image_is_gone_is_not_drawn_on_another_of_its_name(tmp_path):
    write_tree(tmp_path, {"one/a.jpg": picture("a"), "two/b.jpg": picture("b")})
    for name in ("one/a", "two/a", "two/b"):
        labelme_file(tmp_path / f"{name}.json", [shape()])
    with pytest.raises(UserError, match=r"no image of the same name: .*two/a\.json"):
        find_dataset(tmp_path, labelled=True)


def test_phase_1_takes_neither_masks_nor_what_labelme_exports(tmp_path):
    labelme_file(tmp_path / "a.json", [shape()])
    names = ["a.jpg", "b.jpg", "b_mask.png", "a_json/img.png", "a_json/label.png", "a_json/label_viz.png"]
    write_tree(tmp_path, {name: picture(name) for name in names})
    dataset = find_dataset(tmp_path, labelled=False)
    assert [sample.key for sample in dataset.samples] == ["a", "b"]
    assert "masks that are left aside: 5" in dataset.notes


@pytest.mark.parametrize("kinds", [["point"], ["line", "linestrip"], []])
def test_phase_1_takes_the_images_of_files_without_areas(tmp_path, kinds):
    write_tree(tmp_path, {"a.jpg": picture("a")})
    labelme_file(tmp_path / "a.json", [shape(kind=kind) for kind in kinds])
    assert len(find_dataset(tmp_path, labelled=False).samples) == 1
    with pytest.raises(UserError):
        find_dataset(tmp_path, labelled=True)


def test_a_file_without_an_image_is_refused_by_name(tmp_path):
    labelme(tmp_path, 1)
    (tmp_path / "train/train0.jpg").unlink()
    with pytest.raises(UserError, match=r"1 mask has no image of the same name: .*train0\.json"):
        find_dataset(tmp_path, labelled=True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "Expecting value"),
        ('{"version": "5.5.0", "shapes": [', "Expecting value"),
        (json.dumps({"shapes": [{"label": "cell"}], "imagePath": ""}), "no label or no points"),
        (json.dumps({"shapes": [shape(points=[[1, 2], [3, 4]])], "imagePath": ""}), "fewer than three corners"),
        (json.dumps({"shapes": [shape(points=[[1], [2], [3]])], "imagePath": ""}), "not enough values"),
        (json.dumps({"shapes": [shape(kind="circle")], "imagePath": ""}), "too many values"),
        (json.dumps({"shapes": [shape(kind="mask", mask="AAAA")], "imagePath": ""}), "cannot identify"),
        (json.dumps({"shapes": [shape(kind="mask", mask="?")], "imagePath": ""}), "is damaged"),
        (json.dumps({"shapes": [shape("other")], "imagePath": "", "imageHeight": 5, "imageWidth": 9}), "9 x 5"),
    ],
)
def test_a_damaged_file_is_told_with_its_image(tmp_path, content, said):
    labelme(tmp_path, 1)
    (tmp_path / "train/train0.json").write_text(content)
    dataset = find_dataset(tmp_path, labelled=True)
    (sample,) = [sample for sample in dataset.samples if sample.image.stem == "train0"]
    with pytest.raises(BadFileError, match=said) as error:
        sample.mask.read(FRAME, ValueTable(sample.values))
    assert "train0.json" in str(error.value)


def test_a_shape_outside_the_image_is_noticed(tmp_path):
    dataset = data_set(tmp_path, shape(points=[[90, 90], [95, 90], [95, 95]]))
    (sample,) = dataset.samples
    assert sample.mask.read(FRAME, ValueTable(sample.values)).lost == {"outline"}


def test_a_label_may_be_written_as_a_number(tmp_path):
    dataset = data_set(tmp_path, {**shape(), "label": 3})
    assert dataset.classes.names == ("background", "3")
    assert classes_in(dataset).sum() == 16
