"""Warm starts: which files are read again, and which are believed."""

import os
import shutil

import numpy as np
import pytest
from datasets import photo, write_folder, write_images_masks, write_tree

from common.config.groups import DataConfig
from common.data import identity, pack_files
from common.data.cache import PackSpec, open_labelled_pack, open_pack
from common.data.known import KnownFiles
from common.data.layouts.registry import find_dataset
from common.data.load import load_splits

LONG_AGO = 10**18
"""A time of change in nanoseconds."""


@pytest.fixture
def settled(monkeypatch):
    """Files that a test has just written count as left alone."""
    monkeypatch.setattr("common.data.known.SETTLED", -1.0)


def age(folder):
    """Set back the times of all files, so that a later change shows in them however coarse the clock is."""
    for path in folder.rglob("*.*"):
        os.utime(path, ns=(LONG_AGO, LONG_AGO))


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    paths = [folder / name for name in ("a b", "two\nlines", "caf\udce9", "d")]
    for number, path in enumerate(paths):
        path.write_bytes(bytes([number]) * 8)
    age(tmp_path)
    return paths


@pytest.fixture
def asked(tmp_path, files):
    """Asks for the digests of the files as a new process would; gives them, and the names that were read."""

    def ask(paths=files, **options):
        read, known = [], KnownFiles(tmp_path, str(files[0].parent), **options)
        digests = known.digests(paths, lambda path: (read.append(path.name), path.read_bytes().hex())[1])
        known.keep()
        return digests, sorted(read)

    return ask


@pytest.mark.usefixtures("settled")
def test_a_second_start_reads_no_file_and_knows_the_same(asked, files):
    digests, read = asked()
    assert read == sorted(path.name for path in files)
    assert asked() == (digests, [])
    assert asked(verify=True) == (digests, read)
    assert asked([files[3], None, files[0]]) == ([digests[3], "", digests[0]], [])


def rewritten(path):
    path.write_bytes(b"12345678")


def rewritten_with_its_old_times(path):
    rewritten(path)
    os.utime(path, ns=(LONG_AGO, LONG_AGO))


def replaced_by_a_copy_with_its_times(path):
    other = path.with_name("other")
    rewritten_with_its_old_times(other)
    other.replace(path)


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("change", [rewritten, rewritten_with_its_old_times, replaced_by_a_copy_with_its_times])
def test_a_changed_file_is_read_again_alone(asked, files, change):
    digests, _ = asked()
    change(files[1])
    again, read = asked()
    assert read == [files[1].name]
    assert again == [digests[0], b"12345678".hex(), *digests[2:]]
    assert asked() == (again, [])


def test_a_file_that_was_changed_just_now_is_not_believed(asked, files):
    asked()
    _, read = asked()
    assert read == sorted(path.name for path in files)


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("place", [0, 40, -1])
def test_a_damaged_record_makes_all_files_be_read_again(asked, files, tmp_path, place):
    digests, everything = asked()
    (record,) = tmp_path.glob("*.known")
    data = bytearray(record.read_bytes())
    data[place] ^= 1
    record.write_bytes(data)
    assert asked() == (digests, everything)
    assert asked() == (digests, [])
    files[3].unlink()
    assert asked(files[:3]) == (digests[:3], [])


@pytest.mark.usefixtures("settled")
def test_a_cache_that_takes_no_record_changes_nothing(asked, files, tmp_path):
    (tmp_path / "nowhere").touch()
    known = KnownFiles(tmp_path / "nowhere", str(files[0].parent))
    assert known.digests(files[:1], lambda path: path.name) == ["a b"]
    known.keep()
    assert (tmp_path / "nowhere").read_bytes() == b""


@pytest.mark.usefixtures("settled")
def test_a_record_is_kept_in_a_cache_that_is_not_there_yet(files, tmp_path):
    cache, folder = tmp_path / "new" / "cache", str(files[0].parent)
    known = KnownFiles(cache, folder)
    known.digests(files, lambda _: "digest")
    known.keep()
    assert KnownFiles(cache, folder).entries.keys() == set(map(str, files))


@pytest.fixture
def reads(monkeypatch):
    """The names of all files that are digested, or whose checksum is taken."""
    names = []
    for module, name in ((identity, "file_digest"), (pack_files, "file_checksum")):
        read = getattr(module, name)
        monkeypatch.setattr(module, name, lambda path, read=read: (names.append(path.name), read(path))[1])
    return names


@pytest.mark.usefixtures("settled")
def test_a_warm_pack_is_opened_without_reading_images_masks_or_arrays(tmp_path, reads):
    samples = find_dataset(write_images_masks(tmp_path / "data", 3), labelled=True).samples
    spec = {"size": 32, "cache_dir": tmp_path / "cache", "num_workers": 2}
    first = open_labelled_pack(samples, PackSpec(**spec), num_classes=2)
    reads.clear()
    second = open_labelled_pack(samples, PackSpec(**spec), num_classes=2)
    assert reads == []
    assert (second.digests, second.mask_digests) == (first.digests, first.mask_digests)
    np.testing.assert_array_equal(first.images, second.images)
    open_labelled_pack(samples, PackSpec(**spec, verify_data=True), num_classes=2)
    assert sorted(reads) == sorted([*(f"{n:03}.{kind}" for n in range(3) for kind in ("jpg", "png")), *ARRAYS])


ARRAYS = (pack_files.IMAGES, pack_files.MASKS)


@pytest.mark.usefixtures("settled")
def test_every_command_that_loads_data_reads_all_files_again_with_verify_data(tmp_path, reads):
    settings = {"data_dir": write_folder(tmp_path / "photos"), "split_seed": 1, "image_size": 64}
    settings["cache_dir"] = tmp_path / "cache"
    load_splits(DataConfig(**settings))
    reads.clear()
    load_splits(DataConfig(**settings))
    assert reads == []
    load_splits(DataConfig(**settings, verify_data=True))
    assert len(set(reads) - set(ARRAYS)) == 40


@pytest.mark.usefixtures("settled")
def test_a_copied_folder_finds_the_pack_and_a_changed_image_in_it_does_not(tmp_path, capsys):
    folder, spec = write_folder(tmp_path / "photos", 4), PackSpec(size=32, cache_dir=tmp_path / "cache", num_workers=2)

    def opened(root):
        return open_pack(find_dataset(root, labelled=False).samples, spec)

    first = opened(folder)
    shutil.copytree(folder, tmp_path / "copy")
    capsys.readouterr()
    assert opened(tmp_path / "copy").digests == first.digests
    assert capsys.readouterr().err == ""
    age(tmp_path / "copy")
    opened(tmp_path / "copy")
    write_tree(tmp_path / "copy", {"photo_001.jpg": photo(9)})
    changed = opened(tmp_path / "copy")
    assert [one == other for one, other in zip(changed.digests, first.digests, strict=True)] == [
        True,
        False,
        True,
        True,
    ]
    assert not np.array_equal(changed.images[1], first.images[1])
    assert opened(folder).digests == first.digests
