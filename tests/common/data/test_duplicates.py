"""What counts as the same picture, and what does not."""

import cv2
import numpy as np
import pytest
from datasets import photo

from common.data.duplicates import near_duplicates, near_pairs
from common.data.pack import Pack
from common.data.synthetic.pets import synthetic_pets


def pack_of(images):
    names = tuple(f"picture_{i}" for i in range(len(images)))
    return Pack(images=np.stack(images), masks=None, keys=names, digests=names)


def compressed(image):
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], cv2.IMREAD_COLOR))


@pytest.mark.parametrize(
    "change",
    [
        compressed,
        lambda image: np.ascontiguousarray(image[:, ::-1]),
        lambda image: cv2.resize(image, (80, 80), interpolation=cv2.INTER_AREA),
        lambda image: np.clip(image * 0.8 + 20, 0, 255).astype(np.uint8),
        lambda image: image[3:-3, 3:-3],
    ],
    ids=["compressed", "mirrored", "resized", "brightened", "cut"],
)
def test_a_picture_saved_again_is_found_and_others_are_not(change):
    seen = pack_of([photo(i, height=128, width=128) for i in range(40)])
    asked = pack_of([change(seen.images[i]) for i in (3, 17)])
    assert near_duplicates(seen, asked).tolist() == [[3, 0], [17, 1]]


def test_different_pictures_are_not_taken_for_each_other():
    pets = synthetic_pets(60, 128, seed=0)
    assert near_duplicates(pets.take(np.arange(30)), pets.take(np.arange(30, 60))).tolist() == []


def discs(places):
    images = np.full((len(places), 128, 128, 3), 90, np.uint8)
    for image, (x, y, radius) in zip(images, places, strict=True):
        cv2.circle(image, (x, y), radius, (200, 200, 200), -1)
    return images


def test_plain_pictures_are_one_only_where_nothing_is_moved():
    """Their hashes are near: a few low frequencies are all that there is."""
    seen = pack_of(discs([(50 + 2 * i, 60, 20 + i) for i in range(12)]))
    others = pack_of(discs([(51 + 2 * i, 62, 20 + i) for i in range(12)]))
    assert near_duplicates(seen, others).tolist() == []
    again = pack_of([compressed(image) for image in seen.images])
    assert near_duplicates(seen, again).tolist() == [[i, i] for i in range(12)]


def test_a_picture_without_anything_on_it_is_compared_too():
    blank = pack_of([np.full((64, 64, 3), grey, np.uint8) for grey in (20, 200)])
    assert len(near_duplicates(blank, blank)) == 4


def test_within_one_set_each_pair_is_named_once_and_the_nearest_are_compared_first():
    pictures = [photo(i, height=64, width=64) for i in range(12)]
    images = np.stack([*pictures, compressed(pictures[3]), pictures[7][:, ::-1]])
    assert near_pairs(images, most=100).pairs.tolist() == [[3, 12], [7, 13]]
    assert near_pairs(images, most=100).left_out == 0
    discs_ = discs([(50 + 2 * i, 60, 20 + i) for i in range(12)])
    some, all_ = (near_pairs(np.stack([*discs_, discs_[2]]), most=most) for most in (20, 1000))
    assert some.pairs.tolist() == all_.pairs.tolist() == [[2, 12]]
    assert some.left_out > all_.left_out == 0
