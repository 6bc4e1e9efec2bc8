"""Synthetic pets repeat by seed, have exact masks, and can be told apart by shape alone."""

import cv2
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from common.data.synthetic.pets import _occlude, synthetic_pets


@pytest.fixture(scope="module")
def pets():
    return synthetic_pets(300, 64, seed=0)


def logistic():
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))


def is_dog(pack):
    return np.array([key.startswith("dog") for key in pack.keys])


def accuracy(features, labels):
    return cross_val_score(logistic(), features, labels, cv=5).mean()


def test_a_seed_gives_the_same_pets_again(pets):
    again = synthetic_pets(20, 64, seed=0)
    assert np.array_equal(again.images, pets.images[:20])
    assert np.array_equal(again.masks, pets.masks[:20])


def test_more_pets_never_change_earlier_ones(pets):
    few = synthetic_pets(7, 64, seed=0)
    assert few.keys == pets.keys[:7]
    assert few.digests == pets.digests[:7]
    assert np.array_equal(few.class_pixels, pets.class_pixels[:7])


def test_another_seed_gives_other_pets(pets):
    assert not set(synthetic_pets(20, 64, seed=1).digests) & set(pets.digests)


def test_no_two_pets_are_the_same(pets):
    assert len(set(pets.digests)) == len(pets)


def test_no_pets_are_an_empty_pack():
    none = synthetic_pets(0, 64, seed=0)
    assert len(none) == 0
    assert none.class_pixels.shape == (0, 3)


def test_half_are_cats_and_keys_say_which(pets):
    assert pets.keys[:4] == ("dog_0000", "cat_0001", "dog_0002", "cat_0003")
    assert is_dog(pets).mean() == 0.5
    for key, mask in zip(pets.keys, pets.masks, strict=True):
        assert set(np.unique(mask)) == {0, 1 if key.startswith("cat") else 2, 255}


def test_class_pixels_count_the_masks(pets):
    expected = [[(mask == k).sum() for k in (0, 1, 2)] for mask in pets.masks]
    assert np.array_equal(pets.class_pixels, expected)
    assert pets.class_pixels.dtype == np.int64


def test_a_pet_and_its_background_are_large_enough_to_learn_from(pets):
    share = pets.class_pixels[:, 1:].sum(1) / 64**2
    assert share.min() > 0.01
    assert 0.1 < share.mean() < 0.3
    assert share.max() < 0.8


@pytest.mark.parametrize("size", [64, 128])
def test_a_thin_ignored_band_separates_pet_from_background(size):
    reach = size // 64
    for mask in synthetic_pets(20, size, seed=0).masks:
        pet = ((mask == 1) | (mask == 2)).astype(np.uint8)
        band = (mask == 255).astype(np.uint8)
        assert not cv2.dilate(pet, np.ones((3, 3), np.uint8))[mask == 0].any()
        assert not cv2.erode(band, np.ones((6 * reach + 1, 6 * reach + 1), np.uint8)).any()


def test_what_lies_before_a_pet_is_no_pet_and_leaves_enough_of_it():
    shares = []
    for seed in range(60):
        scene, visible = np.zeros((128, 128, 3), np.float32), np.zeros((128, 128), np.float32)
        visible[48:80, 48:80] = 1
        pet = visible > 0
        _occlude(np.random.default_rng(seed), scene, visible)
        painted = scene.max(2) > 0.05
        assert (visible[pet & painted] < 1).all()
        assert (visible[pet & ~painted] > 0.5).all()
        assert not visible[~pet].any()
        shares.append(visible[pet].mean())
    assert min(shares) >= 0.65
    assert min(shares) < 0.8
    assert max(shares) == 1


def test_pictures_use_the_whole_range_of_brightness(pets):
    assert pets.images.dtype == np.uint8
    assert pets.images.max() == 255
    assert pets.images.min() < 10
    assert (pets.images.reshape(300, -1).std(1) > 10).all()


def test_size_changes_only_the_resolution():
    small, large = synthetic_pets(20, 64, seed=0), synthetic_pets(20, 96, seed=0)
    shrunk = np.stack([cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA) for image in large.images])
    difference = np.abs(shrunk.astype(float) - small.images).mean((1, 2, 3))
    unrelated = np.abs(np.roll(shrunk, 1, axis=0).astype(float) - small.images).mean((1, 2, 3))
    assert difference.max() < 8
    assert difference.max() < unrelated.min() / 2
    masks = np.stack([cv2.resize(m, (64, 64), interpolation=cv2.INTER_NEAREST) for m in large.masks])
    known = (masks != 255) & (small.masks != 255)
    assert (masks == small.masks)[known].mean() > 0.995


def test_mean_and_spread_of_fur_colour_do_not_tell_cats_from_dogs(pets):
    fur = [image[(mask == 1) | (mask == 2)] for image, mask in zip(pets.images, pets.masks, strict=True)]
    features = np.array([np.concatenate([pixels.mean(0), pixels.std(0)]) for pixels in fur])
    assert accuracy(features, is_dog(pets)) < 0.65


def test_histograms_of_fur_colour_do_not_tell_cats_from_dogs(pets):
    fur = [image[(mask == 1) | (mask == 2)] for image, mask in zip(pets.images, pets.masks, strict=True)]
    bins = [(pixels // 64).astype(int) @ (16, 4, 1) for pixels in fur]
    histograms = np.array([np.bincount(b, minlength=64) / len(b) for b in bins])
    assert accuracy(histograms, is_dog(pets)) < 0.65


def test_a_linear_classifier_of_pixels_fails(pets):
    row, column = np.mgrid[:64, :64]
    place = np.broadcast_to(np.stack([row, column], 2), (300, 64, 64, 2))
    features = np.concatenate([pets.images, place], 3).astype(float)
    rng = np.random.default_rng(0)
    known = np.flatnonzero((pets.masks[:200] != 255).ravel())
    chosen = rng.choice(known, 20_000, replace=False)
    balanced = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000))
    for classifier in (logistic(), balanced):
        classifier.fit(features[:200].reshape(-1, 5)[chosen], pets.masks[:200].ravel()[chosen])
        truth = pets.masks[200:].ravel()
        guess = classifier.predict(features[200:].reshape(-1, 5))[truth != 255]
        truth = truth[truth != 255]
        iou = [((guess == k) & (truth == k)).sum() / ((guess == k) | (truth == k)).sum() for k in range(3)]
        assert np.mean(iou) < 0.45
