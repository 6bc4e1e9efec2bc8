"""Folds of a cross-validation: what each tests, validates on and trains on."""

import numpy as np
import pytest
from datasets import write_images_masks, write_oxford, write_tree

from common.config.groups import LabelledDataConfig
from common.data.folds import fold_parts
from common.data.load import load_labelled
from common.errors import UserError


def images(count, copies=()):
    """Names, digests and pixels of three classes: every third image shows the last."""
    keys, digests = [f"{i:03}" for i in range(count)], [f"d{i}" for i in range(count)]
    for copy, of in copies:
        digests[copy] = digests[of]
    shown = np.array([[5, 3, 0] if i % 3 else [5, 0, 3] for i in range(count)])
    return keys, digests, shown


def all_parts(count, folds, seed=0, val_share=0.15, copies=()):
    given = images(count, copies)
    return [fold_parts(*given, folds=folds, fold=k + 1, seed=seed, val_share=val_share) for k in range(folds)]


@pytest.mark.parametrize(("count", "folds"), [(20, 5), (26, 5), (7, 2), (300, 10), (8, 4)])
def test_each_image_is_tested_once_and_is_in_one_part_of_each_fold(count, folds):
    parts = all_parts(count, folds)
    tested = np.concatenate([part["test"] for part in parts])
    assert sorted(tested.tolist()) == list(range(count))
    assert {len(part["test"]) for part in parts} <= {count // folds, -(-count // folds)}
    for part in parts:
        assert sorted(np.concatenate(list(part.values())).tolist()) == list(range(count))
        assert len(part["val"]) == max(round(0.15 * count), 1)


def test_folds_and_their_validation_images_are_stratified_by_the_classes_that_they_show():
    for part in all_parts(60, 5):
        for split, share in (("test", 4), ("val", 3), ("train", 13)):
            assert sum(index % 3 == 0 for index in part[split]) == share


def test_the_seed_deals_anew_and_the_same_seed_deals_the_same():
    first, again, other = (all_parts(30, 5, seed=seed) for seed in (0, 0, 1))
    for a, b in zip(first, again, strict=True):
        assert all(np.array_equal(a[split], b[split]) for split in a)
    assert not np.array_equal(first[0]["test"], other[0]["test"])


def test_copies_of_an_image_are_in_one_part():
    copies = ((9, 1), (10, 1), (11, 2))
    for part in all_parts(20, 5, copies=copies):
        homes = {int(index): split for split, at in part.items() for index in at}
        assert all(homes[copy] == homes[of] for copy, of in copies)


@pytest.mark.parametrize(("count", "folds"), [(4, 5), (3, 2), (5, 4)])
def test_too_few_images_are_refused(count, folds):
    with pytest.raises(UserError, match=f"--folds {folds} of {count} different images leaves too few"):
        all_parts(count, folds, val_share=0.5)


def settings(folder, **values):
    return LabelledDataConfig(data_dir=folder / "data", image_size=32, cache_dir=folder / "cache", **values)


def test_the_folds_of_a_folder_are_loaded_one_by_one(tmp_path):
    write_images_masks(tmp_path / "data", 20)
    loaded = [load_labelled(settings(tmp_path, folds=5, fold=fold)) for fold in range(1, 6)]
    assert sorted(key for data in loaded for key in data.test.keys) == [f"{i:03}" for i in range(20)]
    for data in loaded:
        assert [len(data.train), len(data.val), len(data.test)] == [13, 3, 4]
        assert [sample.key for sample in data.files["test"]] == list(data.test.keys)
        assert data.notes == ()


def test_an_official_split_is_dealt_out_anew_with_a_note(tmp_path):
    write_oxford(tmp_path / "data")
    loaded = [load_labelled(settings(tmp_path, folds=3, fold=fold)) for fold in range(1, 4)]
    total = sum(len(data.test) for data in loaded)
    assert total == len(loaded[0].train) + len(loaded[0].val) + len(loaded[0].test)
    assert loaded[0].notes[-1] == f"--folds deals out {total} labelled images anew: the official split is not used"


def test_the_embedded_pets_have_folds_too():
    loaded = [load_labelled(LabelledDataConfig(image_size=32, synthetic_count=20, folds=2, fold=k)) for k in (1, 2)]
    assert len({key for data in loaded for key in data.test.keys}) == 20


def test_an_image_that_cannot_be_read_is_left_out_and_noted_once(tmp_path):
    write_tree(tmp_path, {})
    write_images_masks(tmp_path / "data", 12)
    (tmp_path / "data/images/003.jpg").write_bytes(b"no picture")
    data = load_labelled(settings(tmp_path, folds=2, fold=1, skip_bad_files=True))
    assert len(data.train) + len(data.val) + len(data.test) == 11
    assert len(data.notes) == 1


@pytest.mark.parametrize(("fold", "folds"), [(1, 2), (4, 4)])
def test_a_fold_without_folds_is_refused_with_a_number_that_works(fold, folds):
    with pytest.raises(UserError, match=f"--fold {fold} is one of --folds: give --folds {folds} or more"):
        LabelledDataConfig(fold=fold).check()
    LabelledDataConfig(fold=fold, folds=folds).check()
