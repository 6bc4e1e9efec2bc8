import json
import re
import resource
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from datasets import photo, sample, square_mask, write_folder, write_images_masks, write_tree

from common.data.cache import PackSpec, build_pack, open_labelled_pack, open_pack
from common.data.layouts.registry import find_dataset
from common.data.pack import LabelledPack
from common.errors import UserError
from common.files import default_cache_dir

VALUES = {0: 0, 7: 1, 255: 255}


def opened(samples, cache, *, size=32, num_classes=None, skip=False):
    spec = PackSpec(size=size, cache_dir=cache, num_workers=2, skip_bad_files=skip)
    if num_classes is None:
        return open_pack(samples, spec)
    return open_labelled_pack(samples, spec, num_classes=num_classes)


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "photos", 6)


@pytest.fixture
def photos(folder):
    return find_dataset(folder, labelled=False).samples


@pytest.fixture
def pairs(tmp_path):
    files = {f"{i}.png": photo(i, height=64, width=64) for i in range(3)}
    masks = {f"{i}_m.png": square_mask(7, border=255, height=64, width=64) for i in range(3)}
    root = write_tree(tmp_path / "pairs", files | masks)
    return [sample(root / f"{i}.png", root / f"{i}_m.png", VALUES) for i in range(3)]


@pytest.mark.parametrize(("mask_size", "hint"), [((50, 40), "turned by a quarter"), ((30, 30), "")])
def test_a_mask_of_another_size_than_its_image_is_refused_with_what_may_be_wrong(tmp_path, mask_size, hint):
    height, width = mask_size
    mask = square_mask(7, height=height, width=width)
    root = write_tree(tmp_path / "data", {"a.png": photo(0, height=40, width=50), "a_m.png": mask})
    with pytest.raises(UserError, match=rf"50 x 40 pixels and its mask .* {width} x {height}") as error:
        opened([sample(root / "a.png", root / "a_m.png", VALUES)], tmp_path / "cache", num_classes=2)
    assert hint in str(error.value)
    assert ("turned" in str(error.value)) == bool(hint)


def test_a_pack_holds_images_masks_and_counts_at_its_size(pairs, tmp_path):
    pack = opened(pairs, tmp_path / "cache", num_classes=2)
    assert len(pack) == 3
    assert pack.keys == ("0", "1", "2")
    assert pack.images.shape == (3, 32, 32, 3)
    for i in range(3):
        means = photo(i, height=64, width=64).reshape(32, 2, 32, 2, 3).mean(axis=(1, 3))
        assert np.abs(pack.images[i] - means).max() <= 0.5 + 1e-6
    expected = square_mask(1, border=255, height=64, width=64)[1::2, 1::2]
    np.testing.assert_array_equal(pack.masks, np.stack([expected] * 3))
    np.testing.assert_array_equal(pack.class_pixels, [[(expected == 0).sum(), (expected == 1).sum()]] * 3)
    assert pack.mask_values == (0, 7, 255)
    assert pack.bad_files == ()


def test_a_pack_without_labels_has_no_masks_and_opens_none(pairs, tmp_path):
    for pair in pairs:
        pair.mask.path.unlink()
    pack = opened(pairs, tmp_path / "cache")
    assert pack.masks is None
    assert not isinstance(pack, LabelledPack)


def test_images_are_memory_mapped_and_digests_tell_equal_files(folder, tmp_path):
    (folder / "copy.jpg").write_bytes((folder / "photo_002.jpg").read_bytes())
    pack = opened(find_dataset(folder, labelled=False).samples, tmp_path / "cache")
    assert isinstance(pack.images, np.memmap)
    assert pack.digests[0] == pack.digests[3]  # copy, photo_000, photo_001, photo_002
    assert len(set(pack.digests)) == 6


def test_take_picks_images_in_the_order_given(pairs, tmp_path):
    pack = opened(pairs, tmp_path / "cache", num_classes=2)
    assert isinstance(pack.masks, np.memmap)
    taken = pack.take(np.array([2, 0]))
    assert taken.keys == ("2", "0")
    assert taken.digests == (pack.digests[2], pack.digests[0])
    np.testing.assert_array_equal(taken.images, pack.images[[2, 0]])
    np.testing.assert_array_equal(taken.masks, pack.masks[[2, 0]])
    np.testing.assert_array_equal(taken.class_pixels, pack.class_pixels[[2, 0]])


def test_a_second_opening_decodes_nothing(photos, tmp_path, capsys):
    first = opened(photos, tmp_path / "cache")
    assert "decoding 6 images" in capsys.readouterr().err
    second = opened(photos, tmp_path / "cache")
    assert capsys.readouterr().err == ""
    np.testing.assert_array_equal(first.images, second.images)
    assert first.keys == second.keys


def test_the_same_data_elsewhere_shares_the_pack_under_its_own_names(folder, photos, tmp_path):
    opened(photos, tmp_path / "cache")
    folder.rename(tmp_path / "moved")
    (tmp_path / "moved" / "photo_000.jpg").rename(tmp_path / "moved" / "first.jpg")
    pack = opened(find_dataset(tmp_path / "moved", labelled=False).samples, tmp_path / "cache")
    assert pack.keys == ("first", *(f"photo_{i:03}" for i in range(1, 6)))
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_changed_content_size_or_classes_make_another_pack(pairs, tmp_path):
    cache = tmp_path / "cache"
    before = opened(pairs, cache, num_classes=2)
    opened(pairs, cache, num_classes=2, size=16)
    opened(pairs[:2], cache, num_classes=2)
    opened(pairs, cache, num_classes=3)
    swapped = [sample(pair.image, pair.mask.path, {0: 1, 7: 0, 255: 255}) for pair in pairs]
    assert opened(swapped, cache, num_classes=2).class_pixels[0].tolist() == before.class_pixels[0, ::-1].tolist()
    write_tree(pairs[0].mask.path.parent, {pairs[0].mask.path.name: np.zeros((64, 64), np.uint8)})
    assert opened(pairs, cache, num_classes=2).class_pixels[0].tolist() == [1024, 0]
    write_tree(pairs[0].image.parent, {pairs[0].image.name: photo(9, height=64, width=64)})
    assert not np.array_equal(opened(pairs, cache, num_classes=2).images[0], before.images[0])
    assert len(list(cache.glob("*/"))) == 7


def test_two_runs_that_pack_at_once_both_get_the_pack_and_leave_one(photos, tmp_path):
    cache = tmp_path / "cache"
    with ThreadPoolExecutor(8) as pool:
        packs = list(pool.map(lambda _: opened(photos, cache), range(8)))
    assert len(list(cache.glob("*/"))) == 1
    assert all(np.array_equal(pack.images, packs[0].images) for pack in packs)


def test_a_run_that_finds_the_pack_made_meanwhile_drops_its_own(photos, tmp_path):
    folder = tmp_path / "cache" / "name"
    first = None
    for _ in range(2):
        build_pack(folder, photos, PackSpec(size=32, cache_dir=tmp_path, num_workers=2), None)
        first = (folder / "meta.json").stat().st_ino if first is None else first
    assert (folder / "meta.json").stat().st_ino == first
    assert list((tmp_path / "cache").iterdir()) == [folder]


def test_a_truncated_image_is_named_and_nothing_half_written_stays(photos, tmp_path):
    photos[3].image.write_bytes(photos[3].image.read_bytes()[:-40])
    with pytest.raises(UserError, match=re.escape(str(photos[3].image)) + r".*--skip_bad_files"):
        opened(photos, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_skip_bad_files_goes_on_and_lists_them_also_from_the_cache(photos, tmp_path):
    photos[3].image.write_bytes(photos[3].image.read_bytes()[:-40])
    for _ in range(2):
        pack = opened(photos, tmp_path / "cache", skip=True)
        assert pack.keys == tuple(f"photo_{i:03}" for i in (0, 1, 2, 4, 5))
        assert len(pack.images) == len(pack.digests) == 5
        (told,) = pack.bad_files
        assert "photo_003.jpg" in told
        assert "--skip_bad_files" not in told
    with pytest.raises(UserError, match=r"photo_003\.jpg.*--skip_bad_files"):
        opened(photos, tmp_path / "cache")


def test_bad_files_are_not_decoded_again_to_say_why(photos, tmp_path, monkeypatch):
    photos[3].image.write_bytes(photos[3].image.read_bytes()[:-40])
    first = opened(photos, tmp_path / "cache", skip=True)
    with monkeypatch.context() as patch:
        patch.setattr("common.data.cache.try_decode", None)
        assert opened(photos, tmp_path / "cache", skip=True).bad_files == first.bad_files


def test_reasons_name_the_files_where_they_lie_now(folder, photos, tmp_path):
    photos[3].image.write_bytes(photos[3].image.read_bytes()[:-40])
    (before,) = opened(photos, tmp_path / "cache", skip=True).bad_files
    folder.rename(tmp_path / "moved")
    moved = find_dataset(tmp_path / "moved", labelled=False).samples
    (after,) = opened(moved, tmp_path / "cache", skip=True).bad_files
    assert after == before.replace(str(folder), str(tmp_path / "moved")) != before


def test_packs_that_keep_no_reasons_say_them_all_the_same(pairs, tmp_path):
    write_tree(pairs[2].mask.path.parent, {pairs[2].mask.path.name: square_mask(7, height=64, width=60)})
    first = opened(pairs, tmp_path / "cache", num_classes=2, skip=True)
    (path,) = (tmp_path / "cache").glob("*/meta.json")
    meta = json.loads(path.read_text())
    assert len(meta.pop("reasons")) == 1
    path.write_text(json.dumps(meta))
    again = opened(pairs, tmp_path / "cache", num_classes=2, skip=True)
    assert again.bad_files == first.bad_files
    assert again.keys == first.keys


def test_bad_masks_are_skipped_with_their_images(pairs, tmp_path):
    pairs[0].mask.path.write_bytes(b"no mask")
    write_tree(pairs[2].mask.path.parent, {pairs[2].mask.path.name: square_mask(7, height=64, width=60)})
    with pytest.raises(UserError, match=r"0_m\.png"):
        opened(pairs, tmp_path / "cache", num_classes=2)
    pack = opened(pairs, tmp_path / "cache", num_classes=2, skip=True)
    assert pack.keys == ("1",)
    assert len(pack.masks) == len(pack.class_pixels) == 1
    assert "0_m.png" in pack.bad_files[0]
    assert re.search(r"2\.png is 64 x 64 .*2_m\.png 60 x 64", pack.bad_files[1])


def test_a_missing_file_counts_as_a_bad_one(photos, tmp_path):
    photos[0].image.unlink()
    with pytest.raises(UserError, match=r"photo_000\.jpg: No such file"):
        opened(photos, tmp_path / "cache")
    assert len(opened(photos, tmp_path / "cache", skip=True)) == 5


def test_nothing_but_bad_files_is_refused(photos, tmp_path):
    for item in photos:
        item.image.write_bytes(b"")
    with pytest.raises(UserError, match="of 6 images none can be read"):
        opened(photos, tmp_path / "cache", skip=True)
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize("skip", [False, True])
def test_a_mask_value_outside_the_classes_is_refused_with_file_and_values(tmp_path, skip):
    root = write_images_masks(tmp_path / "data", 2)
    write_tree(root, {"masks/001.png": square_mask(7, border=9)})
    samples = find_dataset(root, labelled=True).samples
    with pytest.raises(UserError, match=r"001\.png holds the values 7, 9, .*\[0, 1, 255\]"):
        opened(samples, tmp_path / "cache", num_classes=2, skip=skip)


@contextmanager
def files_no_longer_than(size):
    """The nearest to a full disk that a test can have: the system refuses to write beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("limit", [0, 200, 9000])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(photos, tmp_path, limit):
    with files_no_longer_than(limit), pytest.raises(UserError, match=r"cannot write .*cache.*--cache_dir"):
        opened(photos, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_cache_folder_that_cannot_be_made_is_named(photos, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"file.*--cache_dir"):
        opened(photos, tmp_path / "file" / "cache")


def test_the_cache_folder_follows_the_environment(monkeypatch):
    monkeypatch.setenv("RECON2SEG_CACHE", "/own")
    assert default_cache_dir() == Path("/own")
    monkeypatch.delenv("RECON2SEG_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert default_cache_dir() == Path("/xdg/recon2seg")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache_dir() == Path.home() / ".cache" / "recon2seg"


def test_data_with_tiff_files_are_decoded_anew_since_these_are_read_otherwise(photos, tmp_path):
    photo = photos[0].image
    tiff = [replace(photos[0], image=photo.rename(photo.with_suffix(".TIF"))), *photos[1:]]
    for samples in (photos[1:], tiff):
        opened(samples, tmp_path / "cache", skip=True)
    assert len(list((tmp_path / "cache").glob("*/meta.json"))) == 2
    tiff[0].image.rename(photo)
    opened(photos, tmp_path / "cache", skip=True)
    assert len(list((tmp_path / "cache").glob("*/meta.json"))) == 3, "the same bytes, by another name"
