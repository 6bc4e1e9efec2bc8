"""What becomes of packs whose files are not what was written."""

import json
import os
import shutil

import numpy as np
import pytest
from datasets import write_images_masks

from common.data.cache import PackSpec, open_labelled_pack
from common.data.layouts.registry import find_dataset


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """Opens the pack of a data set, always the same one; its files are believed while nothing touches them."""
    monkeypatch.setattr("common.data.known.SETTLED", -1.0)
    samples = find_dataset(write_images_masks(tmp_path / "data", 4), labelled=True).samples
    spec = PackSpec(size=32, cache_dir=tmp_path / "cache", num_workers=2)
    return lambda: open_labelled_pack(samples, spec, num_classes=2)


def folder_of(cache):
    """The one pack, with the times of its files set back, so that a change shows in them."""
    (folder,) = (path for path in cache.iterdir() if path.suffix != ".known")
    for path in folder.iterdir():
        os.utime(path, ns=(10**18, 10**18))
    return folder


def changed_meta(**values):
    def damage(folder):
        """As a pack of version 0.2.0, which has no digest, so that the values themselves are looked at."""
        meta = json.loads((folder / "meta.json").read_text())
        for name in ("digest", "checksums"):
            del meta[name]
        (folder / "meta.json").write_text(json.dumps(meta | values))

    return damage


def flipped(name, place):
    def damage(folder):
        data = bytearray((folder / name).read_bytes())
        data[place] ^= 1
        (folder / name).write_bytes(data)

    return damage


def saved(name, array):
    def damage(folder):
        changed_meta()(folder)
        np.save(folder / name, array, allow_pickle=True)

    return damage


DAMAGES = {
    "no images": lambda folder: (folder / "images.npy").unlink(),
    "no masks": lambda folder: (folder / "masks.npy").unlink(),
    "no meta": lambda folder: (folder / "meta.json").unlink(),
    "nothing": lambda folder: [path.unlink() for path in folder.iterdir()],
    "a file in its place": lambda folder: (shutil.rmtree(folder), folder.touch()),
    "truncated": lambda folder: (folder / "images.npy").write_bytes((folder / "images.npy").read_bytes()[:-30]),
    "meta truncated": lambda folder: (folder / "meta.json").write_bytes((folder / "meta.json").read_bytes()[:-30]),
    "meta is no text": lambda folder: (folder / "meta.json").write_bytes(b"\xff\xfe"),
    "meta is a list": lambda folder: (folder / "meta.json").write_text("[]"),
    "meta is deep": lambda folder: (folder / "meta.json").write_text("[" * 100000),
    "a bit of an image": flipped("images.npy", -1),
    "a bit of a mask": flipped("masks.npy", -1),
    "a bit of a header": flipped("masks.npy", 80),
    "a number in meta": lambda folder: (folder / "meta.json").write_text(
        (folder / "meta.json").read_text().replace('"class_pixels": [[', '"class_pixels": [[1', 1)
    ),
    "bad is a word": changed_meta(bad="some"),
    "bad holds words": changed_meta(bad=["a"], reasons=["b"]),
    "bad beyond the end": changed_meta(bad=[4], reasons=["no image"]),
    "bad below zero": changed_meta(bad=[-1], reasons=["no image"]),
    "all bad": changed_meta(bad=[0, 1, 2, 3], reasons=["a", "b", "c", "d"]),
    "too few reasons": changed_meta(reasons=["a"]),
    "class_pixels of other classes": changed_meta(class_pixels=[[1, 2, 3]] * 4),
    "class_pixels is None": changed_meta(class_pixels=None),
    "mask_values too large": changed_meta(mask_values=[300]),
    "another type": saved("images.npy", np.zeros((4, 32, 32, 3), np.float32)),
    "another shape": saved("images.npy", np.zeros((4, 16, 16, 3), np.uint8)),
    "another number": saved("masks.npy", np.zeros((3, 32, 32), np.uint8)),
    "objects": saved("images.npy", np.array([None] * 4)),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_pack_is_made_again_with_a_note(opened, tmp_path, capsys, name):
    whole = opened()
    images, masks, counts = np.array(whole.images), np.array(whole.masks), whole.class_pixels
    folder = folder_of(tmp_path / "cache")
    opened()
    DAMAGES[name](folder)
    capsys.readouterr()
    for said in (True, False):
        again = opened()
        assert (f"the decoded images in {folder} are damaged" in capsys.readouterr().err) == said
        np.testing.assert_array_equal(again.images, images)
        np.testing.assert_array_equal(again.masks, masks)
        np.testing.assert_array_equal(again.class_pixels, counts)
    assert [path for path in (tmp_path / "cache").iterdir() if path.is_dir()] == [folder]


def test_a_pack_without_checksums_is_taken_as_it_is(opened, tmp_path, capsys):
    opened()
    folder = folder_of(tmp_path / "cache")
    changed_meta()(folder)
    flipped("images.npy", -1)(folder)
    capsys.readouterr()
    opened()
    assert capsys.readouterr().err == ""
