from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from common.data.folds import fold_parts
from common.data.samples import PAGE, Reading, Sample
from common.data.split import FOLDER_FRACTIONS, label_subset, split_keys, split_samples, unit_hash
from common.errors import UserError


def samples(count, split=None, start=0):
    return [Sample(f"{i:05}", Path(f"{i:05}.jpg"), None, {}, split) for i in range(start, start + count)]


def keys_of(splits):
    return {split: {sample.key for sample in members} for split, members in splits.items()}


def test_unit_hash_is_uniform_and_never_one():
    values = np.array([unit_hash(0, str(i)) for i in range(4000)])
    assert values.min() >= 0
    assert values.max() < 1
    counts, _ = np.histogram(values, bins=10, range=(0, 1))
    assert np.abs(counts - 400).max() < 5 * np.sqrt(360)  # five standard deviations of a binomial


def test_unit_hash_keeps_its_values_so_that_old_runs_keep_their_splits():
    assert unit_hash(0, "Bengal_1") == pytest.approx(0.7537427615470526, abs=1e-15)
    assert unit_hash(1, "Bengal_1") != unit_hash(0, "Bengal_1")


def test_names_that_are_not_utf_8_have_a_place_as_well():
    assert 0 <= unit_hash(0, "caf\udce9") < 1
    assert unit_hash(0, "caf\udce9") != unit_hash(0, "caf\udce8")


@pytest.mark.parametrize("fractions", [(0.7, 0.15, 0.15), FOLDER_FRACTIONS])
def test_without_official_splits_the_shares_are_kept_and_no_image_is_lost(fractions):
    splits = split_samples(samples(4000), seed=0, fractions=fractions)
    assert [len(splits[name]) / 4000 for name in ("train", "val", "test")] == pytest.approx(fractions, abs=0.03)
    assert sorted(sample.key for members in splits.values() for sample in members) == [
        sample.key for sample in samples(4000)
    ]


def test_adding_images_moves_no_old_one():
    before, after = (keys_of(split_samples(samples(count), seed=3)) for count in (100, 300))
    assert all(before[split] <= after[split] for split in before)


@pytest.mark.parametrize("count", [3, 5, 11, 20, 40])
@pytest.mark.parametrize("seed", range(6))
def test_of_few_images_each_split_takes_one_where_that_is_asked_for(count, seed):
    known = {"seed": seed, "fractions": FOLDER_FRACTIONS}
    plain = keys_of(split_samples(samples(count), needed=(), **known))
    filled = keys_of(split_samples(samples(count), fill=True, **known))
    for split in ("val", "test"):
        assert filled[split] == plain[split] if plain[split] else len(filled[split]) == 1
    assert filled["train"] == plain["train"] - filled["val"] - filled["test"]


def test_the_training_part_of_other_data_is_split_into_shares_too():
    part = split_samples(samples(700), seed=0)["train"]
    plain = split_samples(part, seed=0, fractions=FOLDER_FRACTIONS, needed=())
    filled = split_samples(part, seed=0, fractions=FOLDER_FRACTIONS, fill=True)
    assert len(plain["val"]) + len(plain["test"]) == 0, "the same hash has split it before"
    assert [len(filled[split]) for split in ("val", "test")] == [len(part) // 20] * 2


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_images_than_splits_are_refused_in_a_sentence(count):
    with pytest.raises(UserError, match=rf"{count} images? to train on, .* add images, four at least"):
        split_samples(samples(count), seed=0, fill=True)


def test_pages_of_a_file_stay_together_where_a_split_is_filled():
    pages = [replace(one, key=f"{one.key}{PAGE}{n}", reading=Reading(page=n)) for one in samples(3) for n in range(2)]
    filled = keys_of(split_samples(pages, seed=0, fractions=FOLDER_FRACTIONS, fill=True))
    assert sorted(map(len, filled.values())) == [2, 2, 2]
    assert all(len({key.partition(PAGE)[0] for key in split}) == 1 for split in filled.values())


def test_the_seed_deals_anew():
    first, second = (keys_of(split_samples(samples(100), seed=seed)) for seed in (0, 1))
    assert first["test"] != second["test"]


def test_official_splits_are_kept():
    given = [*samples(5, "train"), *samples(2, "val", 5), *samples(3, "test", 7)]
    splits = split_samples(given, seed=0)
    assert splits == {"train": given[:5], "val": given[5:7], "test": given[7:]}


def test_validation_is_carved_from_training_alone():
    splits = split_samples([*samples(2000, "train"), *samples(50, "test", 2000)], seed=0)
    assert splits["test"] == samples(50, "test", 2000)
    assert len(splits["val"]) / 2000 == pytest.approx(0.15, abs=0.03)
    assert len(splits["train"]) + len(splits["val"]) == 2000


def test_a_missing_test_split_is_carved_from_training_alone():
    splits = split_samples([*samples(2000, "train"), *samples(50, "val", 2000)], seed=0)
    assert splits["val"] == samples(50, "val", 2000)
    assert len(splits["test"]) / 2000 == pytest.approx(0.15, abs=0.03)


def test_an_empty_split_is_refused_with_a_seed_that_works():
    bad = next(seed for seed in range(50) if "try --split_seed" in refusal(samples(5), seed))
    seed = int(refusal(samples(5), bad).split("try --split_seed ")[1].split(",")[0])
    assert all(split_samples(samples(5), seed=seed).values())


def test_pages_of_a_file_are_counted_once_where_folds_are_advised():
    pages = [replace(samples(1)[0], key=f"00000{PAGE}{page}", reading=Reading(page=page)) for page in range(6)]
    message = refusal(pages, 0)
    assert "1 image and" in message
    assert "--folds" not in message


@pytest.mark.parametrize(("count", "folds"), [(4, 4), (6, 5)])
def test_an_empty_split_names_folds_that_work(count, folds):
    bad = next(seed for seed in range(50) if refusal(samples(count), seed))
    assert f"test each image once with --folds {folds}, " in refusal(samples(count), bad)
    keys = [sample.key for sample in samples(count)]
    for fold in range(1, folds + 1):
        said = {"folds": folds, "fold": fold, "seed": 0, "val_share": 0.15}
        parts = fold_parts(keys, keys, np.ones((count, 1), np.int64), **said)
        assert all(len(part) for part in parts.values())


def test_too_few_images_are_refused_without_promising_a_seed():
    message = refusal(samples(2), 0)
    assert "2 images" in message
    assert "try" not in message
    assert "--folds" not in message
    assert "train/" in message


def refusal(given, seed):
    try:
        split_samples(given, seed=seed)
    except UserError as error:
        return str(error)
    return ""


def test_split_keys_gives_positions_in_order():
    keys = [str(i) for i in range(60)]
    indices = split_keys(keys, [None] * 60, seed=0)
    assert sorted(np.concatenate(list(indices.values()))) == list(range(60))
    assert all((np.diff(positions) > 0).all() for positions in indices.values())


KEYS = [f"pet_{i}" for i in range(100)]
PIXELS = np.array([[50, 9, 0]] * 30 + [[0, 64, 0]] * 30 + [[50, 0, 9]] * 37 + [[50, 3, 3]] * 2 + [[64, 0, 0]])


def test_label_subset_keeps_class_shares_and_at_least_one_image_of_each_kind():
    chosen = label_subset(KEYS, PIXELS[:, 1:], fraction=0.1, seed=0)
    kinds = [sum(lo <= i < hi for i in chosen) for lo, hi in ((0, 60), (60, 97), (97, 99), (99, 100))]
    assert kinds == [6, 4, 1, 1]
    assert chosen.dtype == np.int64
    assert (np.diff(chosen) > 0).all()


def test_label_subset_does_not_count_the_background_as_a_class():
    assert sum(label_subset(KEYS, PIXELS[:, 1:], fraction=0.05, seed=0) < 60) == 3


def test_smaller_label_subsets_lie_inside_larger_ones():
    subsets = [set(label_subset(KEYS, PIXELS[:, 1:], fraction=f, seed=0)) for f in (0.01, 0.05, 0.1, 0.33, 0.8, 1)]
    assert all(small <= large for small, large in pairwise(subsets))
    assert len(subsets[-1]) == 100


def test_label_subset_depends_on_the_seed_and_the_keys_but_not_on_their_order():
    chosen = label_subset(KEYS, PIXELS[:, 1:], fraction=0.2, seed=0)
    assert set(chosen) != set(label_subset(KEYS, PIXELS[:, 1:], fraction=0.2, seed=1))
    turned = label_subset(KEYS[::-1], PIXELS[::-1, 1:].copy(), fraction=0.2, seed=0)
    assert {KEYS[i] for i in chosen} == {KEYS[::-1][i] for i in turned}


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.1, float("nan")])
def test_a_fraction_outside_its_range_is_refused(fraction):
    with pytest.raises(UserError, match="--label_fraction"):
        label_subset(KEYS, PIXELS[:, 1:], fraction=fraction, seed=0)


def grouped(keys, pixels, *, fraction, seed):
    """The same share of the images that show the same classes, but at least one."""
    kinds = {}
    for index, row in enumerate(pixels):
        kinds.setdefault(tuple(row > 0), []).append(index)
    chosen = []
    for group in kinds.values():
        group.sort(key=lambda index: unit_hash(seed, keys[index]))
        chosen += group[: max(1, int(fraction * len(group) + 0.5))]
    return sorted(chosen)


@pytest.mark.parametrize("classes", [1, 2, 3])
@pytest.mark.parametrize("fraction", [0.02, 0.1, 0.5, 1.0])
def test_subsets_of_up_to_three_classes_are_the_same_share_of_each_combination(classes, fraction):
    pixels = np.random.default_rng(classes).integers(0, 2, (80, classes))
    keys = [f"image {i}" for i in range(80)]
    chosen = label_subset(keys, pixels, fraction=fraction, seed=3)
    assert chosen.tolist() == grouped(keys, pixels, fraction=fraction, seed=3)


SCENES = (np.random.default_rng(0).random((100, 11)) < np.linspace(1, 0.2, 11)).astype(int)
"""100 images of 11 classes, nearly each in a combination of its own."""


@pytest.mark.parametrize("fraction", [0.05, 0.1, 0.33, 1.0])
def test_of_many_combinations_of_classes_as_many_images_are_kept_as_were_asked_for(fraction):
    chosen = label_subset(KEYS, SCENES, fraction=fraction, seed=0)
    assert len(grouped(KEYS, SCENES, fraction=fraction, seed=0)) >= 80, "the combinations alone are as many"
    assert len(chosen) == len(set(chosen)) == round(fraction * 100)
    assert SCENES[chosen].any(0).all()
    assert np.abs(SCENES[chosen].mean(0) - SCENES.mean(0)).max() <= 1.5 / len(chosen)


def test_every_class_is_kept_also_where_that_takes_more_images():
    alone = np.repeat(np.eye(10, dtype=int), 10, axis=0)
    chosen = label_subset(KEYS, alone, fraction=0.01, seed=0)
    assert alone[chosen].any(0).all()
    assert len(chosen) == 10


def test_subsets_of_many_classes_are_nested_and_depend_on_the_keys_but_not_on_their_order():
    subsets = [set(label_subset(KEYS, SCENES, fraction=f, seed=0)) for f in (0.01, 0.05, 0.1, 0.33, 0.8, 1)]
    assert all(small <= large for small, large in pairwise(subsets))
    turned = label_subset(KEYS[::-1], SCENES[::-1].copy(), fraction=0.1, seed=0)
    assert {KEYS[i] for i in subsets[2]} == {KEYS[::-1][i] for i in turned}
    assert subsets[2] != set(label_subset(KEYS, SCENES, fraction=0.1, seed=1))
