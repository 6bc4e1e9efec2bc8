"""`common.doctor --pages all`: each page of a stack is an image, and all pages of one share a split."""

import json

import numpy as np
import pytest
from datasets import photo
from PIL import Image

from common.config.groups import DataConfig
from common.data.load import load_labelled
from common.doctor.__main__ import main as doctor

PAGES, STACKS = 3, 20


def write_stacks(root, count=STACKS):
    """Stacks of unlike pages, and of unlike masks."""
    for number in range(count):
        images = [photo(PAGES * number + page) for page in range(PAGES)]
        masks = [np.zeros((40, 50), np.uint8) for _ in range(PAGES)]
        for page, mask in enumerate(masks):
            mask[5 : 20 + 5 * page, 5:40] = 255
        for folder, pictures in (("images", images), ("masks", masks)):
            (root / folder).mkdir(parents=True, exist_ok=True)
            first, *others = map(Image.fromarray, pictures)
            first.save(root / f"{folder}/{number:02}.tif", save_all=True, append_images=others)
    return root


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def examined(capsys, *flags):
    """What the doctor says of ./data, by the kind of each finding."""
    capsys.readouterr()
    doctor(["--data_dir", "data", "--image_size", "64", "--pages", "all", "--json", *flags])
    return {one["kind"]: one for one in json.loads(capsys.readouterr().out)["findings"]}


def test_pages_of_one_stack_are_no_copies_and_those_of_equal_stacks_are(folder, capsys):
    write_stacks(folder / "data")
    assert not {"copies-differ", "copies-within-split", "copies-across-splits"} & set(examined(capsys))
    for kind in ("images", "masks"):
        (folder / f"data/{kind}/00.tif").write_bytes((folder / f"data/{kind}/01.tif").read_bytes())
    found = examined(capsys)
    (copies,) = [found[kind] for kind in ("copies-within-split", "copies-across-splits") if kind in found]
    assert copies["count"] == PAGES
    assert "data/images/00.tif (page 3)" in copies["names"][2]
    assert "data/images/01.tif (page 3)" in copies["names"][2]


def test_a_copy_has_every_page_in_the_split_of_its_file(folder, capsys):
    write_stacks(folder / "data")
    doctor(["--data_dir", "data", "--image_size", "64", "--pages", "all", "--fix", "copy"])
    assert "left out" not in (folder / "copy/changes.csv").read_text()
    source = load_labelled(DataConfig(data_dir=folder / "data", image_size=8, pages="all"))
    copy = load_labelled(DataConfig(data_dir=folder / "copy", image_size=8, classes="copy/classes.yaml"))
    for split in ("train", "val", "test"):
        ours, theirs = getattr(source, split), getattr(copy, split)
        assert sorted(key.rpartition("/")[2] for key in theirs.keys) == sorted(ours.keys)
        assert {key.partition("/")[0] for key in theirs.keys} == {split}


def test_a_copy_whose_pages_would_be_parted_is_refused(folder, capsys):
    write_stacks(folder / "data", count=2)
    assert doctor(["--data_dir", "data", "--image_size", "64", "--pages", "all", "--fix", "copy"]) == 2
    said = capsys.readouterr().err
    assert "--fix would part the pages of one file: no image is left for" in said
    assert "--split_seed" in said
    assert not (folder / "copy").exists()


def test_a_copy_of_first_pages_holds_no_stack(folder, capsys):
    write_stacks(folder / "data")
    doctor(["--data_dir", "data", "--image_size", "64", "--pages", "first", "--fix", "copy"])
    source = load_labelled(DataConfig(data_dir=folder / "data", image_size=8, pages="first"))
    copy = load_labelled(DataConfig(data_dir=folder / "copy", image_size=8, classes="copy/classes.yaml"))
    np.testing.assert_array_equal(copy.train.images, source.train.images)
    assert "00.tif,written as PNG,the first of several pictures" in (folder / "copy/changes.csv").read_text()
