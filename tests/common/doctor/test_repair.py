"""`common.doctor --fix`: a copy that can be trained on, a log, and a source that stays as it is."""

import csv
import shutil

import numpy as np
import pytest
from datasets import photo, square_mask, write_oxford, write_tree
from digests import digests
from made_layouts import MADE
from PIL import Image
from sick import SICK, write_clean

from common.config.groups import DataConfig
from common.data.load import load_labelled
from common.doctor.__main__ import main as doctor


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    return write_clean(tmp_path_factory.mktemp("clean"))


@pytest.fixture
def root(clean, tmp_path, monkeypatch):
    """A copy of a clean data set, beside which is the working folder."""
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(clean, tmp_path / "data")


def fix(source: str, out: str, *flags: str) -> int:
    return doctor(["--data_dir", source, "--image_size", "64", "--fix", out, *flags])


def log(out) -> list[list[str]]:
    with (out / "changes.csv").open(newline="") as file:
        _, *rows = csv.reader(file)
    return rows


REPAIRED = {
    "an image without a mask": ("images/train/0.png", "left out", "it has no mask"),
    "a mask without an image": ("masks/train/0.png", "left out", "it has no image"),
    "a truncated image": ("images/train/0.png", "left out", "truncated"),
    "a mask of another size": ("images/train/0.png", "left out", "50 x 30"),
    "one mask in colours": ("images/train/0.png", "left out", "colour picture"),
    "several pages": ("images/train/0.tif", "left out", "--pages"),
    "a test image in training": (
        "images/train/0.png",
        "left out",
        "the same picture as data/images/test/0.png, in test",
    ),
    "a copy in one split": ("images/train/1.png", "left out", "the same picture as data/images/train/0.png"),
    "names that differ in the suffix": ("data", "not copied", "suffix alone"),
    "a type that is not read": ("images/train/extra.dcm", "left out", "it cannot be read"),
    "a wrong suffix": ("images/train/0.png", "renamed to .bmp", "it is BMP"),
}


@pytest.mark.parametrize("name", REPAIRED)
def test_a_copy_is_without_fault_its_log_tells_why_and_a_second_copy_is_equal(name, root, capsys):
    SICK[name].make(root)
    before = digests(root)
    fix("data", "once")
    assert digests(root) == before
    file, change, reason = REPAIRED[name]
    rows = [row for row in log(root.parent / "once") if row[1] != "written as class numbers"]
    assert [(file in row[0], row[1], reason in row[2]) for row in rows[:1]] == [(True, change, True)]
    assert len(rows) == 1 + (name == "names that differ in the suffix")
    assert fix("once", "twice", "--classes", "once/classes.yaml") == 0
    assert log(root.parent / "twice") == []
    once, twice = (digests(root.parent / copy) for copy in ("once", "twice"))
    assert {**once, "changes.csv": ""} == {**twice, "changes.csv": ""}


@pytest.mark.parametrize("layout", MADE)
def test_of_every_layout_the_copy_trains_on_the_same_pixels(layout, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    made = MADE[layout]
    made.write(tmp_path / "data", 9)
    assert fix("data", "copy", *(word for flag, value in made.flags.items() for word in (f"--{flag}", value))) < 2
    source = load_labelled(
        DataConfig(
            data_dir=tmp_path / "data",
            image_size=8,
            images=made.flags.get("images", ""),
            masks=made.flags.get("masks", ""),
        )
    )
    copy = load_labelled(DataConfig(data_dir=tmp_path / "copy", image_size=8, classes="copy/classes.yaml"))
    assert (copy.classes.names, copy.classes.background) == (source.classes.names, source.classes.background)
    for split in ("train", "val", "test"):
        ours, theirs = getattr(source, split), getattr(copy, split)
        order, other = (np.argsort(pack.digests) for pack in (ours, theirs))
        np.testing.assert_array_equal(ours.masks[order], theirs.masks[other])
        np.testing.assert_array_equal(ours.images[order], theirs.images[other])


def test_images_that_no_list_names_stand_in_the_log(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_oxford(tmp_path / "pets", trainval=20, test=8)
    fix("pets", "copy")
    assert log(tmp_path / "copy")[0][1:] == [
        "not copied",
        "1 image is left out, in neither trainval.txt nor test.txt: Bengal_28",
    ]


def test_a_turned_photograph_is_turned_in_the_copy(root, capsys):
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(photo(0)).save(root / "images/train/0.png", exif=exif)
    write_tree(root, {"masks/train/0.png": square_mask(255, height=50, width=40)})
    fix("data", "copy")
    with Image.open(root.parent / "copy/images/train/0.png") as image:
        assert (image.size, image.getexif().get(274)) == ((40, 50), None)
        np.testing.assert_array_equal(np.asarray(image), np.rot90(photo(0), -1))


@pytest.mark.parametrize(
    ("out", "said"),
    [("data/fixed", "in each other"), (".", "in each other"), ("full", "not empty"), ("full/a", "is a file")],
)
def test_a_copy_is_refused_in_the_source_around_it_and_over_anything(out, said, root, capsys):
    write_tree(root.parent, {"full/a.png": photo(0)})
    (root.parent / "full/a").write_text("mine")
    before = digests(root.parent)
    assert fix("data", out) == 2
    assert said in capsys.readouterr().err
    assert digests(root.parent) == before


def test_masks_whose_meaning_nobody_knows_are_not_copied(root, capsys):
    SICK["1 and 255"].make(root)
    assert fix("data", "copy") == 2
    assert "255: ignore" in capsys.readouterr().err
    assert not (root.parent / "copy").exists()
    assert doctor(["--unlabelled_dir", "data", "--fix", "copy"]) == 2
    assert "--data_dir" in capsys.readouterr().err
