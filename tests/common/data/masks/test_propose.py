"""Masks that no known classes fit: what they hold, and the table to begin with."""

import json
import re

import cv2
import numpy as np
import pytest
import yaml
from datasets import photo, write_tree
from made_layouts import coco, labelme, labelme_file, yolo
from PIL import Image

from common.config.groups import DataConfig
from common.data.load import load_labelled
from common.doctor.__main__ import main as doctor
from common.errors import UserError

SIZE = (40, 50)


def refused(tmp_path, mask, **flags):
    """What a training says of eight of these masks."""
    root = tmp_path / "data"
    for i in range(8):
        write_tree(root, {f"images/{i}.png": photo(i), f"masks/{i}.png": mask(i)})
    config = DataConfig(data_dir=root, image_size=64, cache_dir=tmp_path / "cache", split_seed=9, **flags)
    with pytest.raises(UserError) as error:
        load_labelled(config)
    return config, str(error.value)


def table_in(said, tmp_path):
    """The file that the error proposes."""
    names, table = re.search(r"'(names: [^']*)' and ('[^']*'|\"[^\"]*\")", said).groups()
    parts = [names, table[1:-1]]
    path = tmp_path / "classes.yaml"
    path.write_text("\n".join(parts))
    assert {"names"} < yaml.safe_load(path.read_text()).keys()
    return str(path)


def coloured(i):
    mask = np.zeros((*SIZE, 3), np.uint8)
    mask[:10], mask[20:25, :10] = (255, 0, 0), (0, 128, 255)
    return mask


def grey(i):
    return np.where(coloured(i)[..., 0] > 0, 38, coloured(i)[..., 2]).astype(np.uint8)


def numbered(i):
    mask = grey(i)
    mask[mask == 38], mask[30:35, 20:30] = 1, 2
    return mask


def instances(i):
    mask = np.zeros(SIZE, np.uint16)
    for number in range(1, 30):
        mask[number, 3:9] = number
    return mask


def soft(i):
    mask = np.zeros(SIZE, np.uint8)
    mask[10:30, 10:30] = 255
    mask[9, 10:30], mask[30, 10:30] = 90, 170
    return mask


def blurred(i):
    """Soft edges that take a third of a small mask."""
    mask = np.zeros(SIZE, np.uint8)
    mask[10:30, 10:30] = 255
    return cv2.GaussianBlur(mask, (9, 9), 0)


@pytest.mark.parametrize(
    ("mask", "said", "classes"),
    [
        (coloured, "8 masks hold 3 colours: #000000 (72.5%), #ff0000 (25.0%), #0080ff (2.5%)", 3),
        (grey, "8 masks hold 3 values: 0 (72.5%), 38 (25.0%), 255 (2.5%)", 3),
        (numbered, "8 masks hold 4 values: 0 (70.0%), 1 (25.0%), 2 (2.5%), 255 (2.5%)", 3),
        (instances, "8 masks hold 30 values, as numbers of objects", 2),
        (soft, "8 masks hold 4 values, between black and white", 2),
        (blurred, "values, between black and white", 2),
    ],
)
def test_the_table_that_is_proposed_reads_the_masks(tmp_path, mask, said, classes):
    config, error = refused(tmp_path, mask)
    assert said in error
    assert error.endswith(", in a YAML file for --classes")
    data = load_labelled(DataConfig(**{**vars(config), "classes": table_in(error, tmp_path)}))
    assert len(data.classes.names) == classes
    assert all(data.train.class_pixels.sum(0) > 0)


def test_255_beside_numbered_classes_is_proposed_as_not_labelled(tmp_path):
    _, said = refused(tmp_path, numbered)
    assert "'names: [background, class_1, class_2]' and \"values: {0: 0, 1: 1, 2: 2, 255: ignore}\"" in said
    _, said = refused(tmp_path, grey)
    assert '"values: {0: 0, 38: 1, 255: 2}"' in said


def test_too_many_colours_are_no_classes(tmp_path):
    _, said = refused(tmp_path, lambda i: photo(i))
    assert re.search(
        r"is a colour picture.*8 masks hold [\d,]+ colours, too many for classes: they may have been resized", said
    )


def test_a_value_that_a_file_of_classes_lacks_is_named_with_all_that_the_masks_hold(tmp_path):
    (tmp_path / "mine.yaml").write_text("names: [a, b]\nvalues: {0: 0, 38: 1}\n")
    _, said = refused(tmp_path, grey, classes=str(tmp_path / "mine.yaml"))
    assert "holds the values 255, but the classes map only [0, 38]; 8 masks hold 3 values" in said


def test_masks_with_a_palette_are_told_by_their_indices(tmp_path):
    root = tmp_path / "data"
    for i in range(8):
        write_tree(root, {f"images/{i}.png": photo(i)})
        picture = Image.fromarray((grey(i) // 38).clip(0, 2)).convert("P")
        picture.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
        (root / "masks").mkdir(exist_ok=True)
        picture.save(root / f"masks/{i}.png")
    with pytest.raises(UserError, match=r"holds the values 2, .*8 masks hold 3 values: 0 .*, 1 .*, 2 "):
        load_labelled(DataConfig(data_dir=root, image_size=64, cache_dir=tmp_path / "cache", split_seed=9))


def two_classes_of_labelme(root):
    labelme(root, 3)
    square = [[2, 1], [6, 1], [6, 5], [2, 5]]
    for name, labels in {"train0": ["cell", "vein"], "train1": ["__ignore__"]}.items():
        labelme_file(root / f"train/{name}.json", [{"label": label, "points": square} for label in labels])


def two_classes_of_coco(root):
    coco(root, 3)
    for path in (root / "annotations").iterdir():
        content = json.loads(path.read_text())
        content["annotations"][0]["category_id"] = 3
        path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("write", "values", "said"),
    [
        (two_classes_of_labelme, "{0: 0, 1: 1}", "0 (where none lies), 1 (cell), 2 (vein), 255 (__ignore__)"),
        (two_classes_of_coco, "{0: 0, 1: 1}", "0 (where none lies), 1, 2"),
        (lambda root: yolo(root, 3), "{1: 1}", "0 (where none lies), 1"),
        (lambda root: labelme(root, 3), "{1: 1}", "0 (where none lies), 1 (cell)"),
    ],
)
def test_of_outlines_the_numbers_are_told_that_a_file_of_classes_has_to_name(tmp_path, write, values, said, capsys):
    write(tmp_path / "data")
    (tmp_path / "mine.yaml").write_text(f"names: [a, b]\nvalues: {values}\n")
    classes = str(tmp_path / "mine.yaml")
    config = DataConfig(data_dir=tmp_path / "data", image_size=8, cache_dir=tmp_path / "cache", classes=classes)
    told = f"the outlines have the numbers {said}: give each a class, or ignore, in the file of --classes"
    with pytest.raises(UserError, match=rf"but the classes map only .*; {re.escape(told)}$"):
        load_labelled(config)
    assert doctor(["--data_dir", str(tmp_path / "data"), "--image_size", "64", "--classes", classes, "--json"]) == 2
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert [one["advice"] for one in findings if one["kind"] == "mask-values"] == [told]


def test_a_class_of_yolo_that_a_file_of_classes_lacks_is_told_by_its_number_there(tmp_path):
    yolo(tmp_path / "data", 3)
    (tmp_path / "mine.yaml").write_text("names: [a, b]\nvalues: {0: 0, 2: 1}\n")
    config = {"data_dir": tmp_path / "data", "image_size": 8, "cache_dir": tmp_path / "cache"}
    with pytest.raises(UserError, match=r"outlines of class 0 .*, or map 1 in the file of --classes"):
        load_labelled(DataConfig(**config, classes=str(tmp_path / "mine.yaml")))
