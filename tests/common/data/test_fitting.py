"""Images as a network takes them: what is kept, what is padding, and how it is found again."""

import cv2
import numpy as np
import pytest
import torch
from datasets import photo, square_mask, write_tree

from common.config.groups import AugmentConfig
from common.data.augment import Augment, augmented
from common.data.batches import read_batch
from common.data.cache import PackSpec, open_labelled_pack, open_pack
from common.data.fitting import Box, Fitting, resize_image, resize_mask
from common.data.layouts.registry import find_dataset


@pytest.mark.parametrize(
    ("height", "width", "box"),
    [(40, 50, (6, 0, 51, 64)), (50, 40, (0, 6, 64, 51)), (7, 7, (0, 0, 64, 64)), (1, 500, (31, 0, 1, 64))],
)
def test_pad_keeps_the_aspect_and_lies_in_the_middle(height, width, box):
    fitting = Fitting(64, "pad")
    assert fitting.box(height, width) == box
    image = photo(height=height, width=width)
    framed = fitting.image(image)
    assert framed.shape == (64, 64, 3)
    top, left, high, wide = box
    inside = framed[top : top + high, left : left + wide]
    np.testing.assert_array_equal(inside, resize_image(image, high, wide))


def test_padding_is_a_reflection_in_the_image_and_ignored_in_the_mask():
    fitting = Fitting(32, "pad")
    image, mask = photo(1, height=16, width=32), square_mask(1, height=16, width=32)
    np.testing.assert_array_equal(fitting.image(image), np.pad(image, ((8, 8), (0, 0), (0, 0)), mode="reflect"))
    framed = fitting.mask(mask)
    np.testing.assert_array_equal(framed[8:24], mask)
    assert (framed[:8] == 255).all()
    assert (framed[24:] == 255).all()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_squash_is_what_it_was(channels):
    image = np.random.default_rng(0).integers(0, 256, (40, 90, channels), dtype=np.uint8)
    shrunk = cv2.resize(cv2.resize(image, (64, 40), interpolation=cv2.INTER_AREA), (64, 64))
    np.testing.assert_array_equal(Fitting(64).image(image), shrunk.reshape(64, 64, channels))
    assert Fitting(64).box(40, 90) == Box(0, 0, 64, 64)
    np.testing.assert_array_equal(Fitting(64).mask(image[..., 0]), resize_mask(image[..., 0], 64))


def write(root):
    images = {f"images/{i}.png": photo(i, height=20 + 8 * i, width=60) for i in range(3)}
    return write_tree(
        root, images | {f"masks/{i}.png": square_mask(255, height=20 + 8 * i, width=60) for i in range(3)}
    )


def test_a_padded_pack_says_where_its_images_lie_and_is_found_again(tmp_path):
    samples = find_dataset(write(tmp_path / "data"), classes="auto", labelled=True).samples
    spec = PackSpec(size=32, cache_dir=tmp_path / "cache", num_workers=1, fit="pad")
    pack = open_labelled_pack(samples, spec, num_classes=2)
    for index, sample in enumerate(samples):
        height, width = 20 + 8 * int(sample.key), 60
        assert pack.box(index) == Fitting(32, "pad").box(height, width)
        small = resize_image(photo(int(sample.key), height=height, width=width), *pack.box(index)[2:])
        np.testing.assert_array_equal(pack.content(index), small)
    labelled = sum(pack.box(index).height * pack.box(index).width for index in range(3))
    assert pack.class_pixels.sum() == labelled
    [folder] = (path for path in (tmp_path / "cache").iterdir() if path.is_dir())
    before = (folder / "images.npy").stat().st_mtime_ns
    again = open_labelled_pack(samples, spec, num_classes=2)
    assert (folder / "images.npy").stat().st_mtime_ns == before
    np.testing.assert_array_equal(again.take(np.array([2])).boxes, [pack.box(2)])
    squashed = open_labelled_pack(samples, PackSpec(size=32, cache_dir=tmp_path / "cache"), num_classes=2)
    assert squashed.boxes is None
    assert read_batch(squashed, np.arange(3)).valid is None


def test_a_batch_knows_its_padding_and_what_augmentation_moves_in(tmp_path):
    samples = find_dataset(write(tmp_path / "data"), classes="auto", labelled=True).samples
    spec = PackSpec(size=32, cache_dir=tmp_path / "cache", num_workers=1, fit="pad")
    labelled = read_batch(open_labelled_pack(samples, spec, num_classes=2), np.arange(3))
    plain = read_batch(open_pack(samples, spec), np.arange(3))
    assert labelled.valid is not None
    assert plain.valid is not None
    torch.testing.assert_close(labelled.valid[:, 0], labelled.mask != 255)
    torch.testing.assert_close(plain.valid, labelled.valid)
    flip = Augment(AugmentConfig(hflip=0, vflip=1, rotate=0, scale=0, translate=0, jitter=0))
    image, mask, valid = augmented(plain, flip)
    assert mask is None
    torch.testing.assert_close(valid, plain.valid.flip(2))
    torch.testing.assert_close(image, plain.image.flip(2))
    torch.manual_seed(0)
    _, mask, valid = augmented(labelled, Augment(AugmentConfig(rotate=45)))
    assert valid is not None
    torch.testing.assert_close(valid[:, 0], mask != 255)
