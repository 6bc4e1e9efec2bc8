"""Images that are kept for crops at another size than they came in, and crops of random scales."""

import numpy as np
import pytest
import torch
from datasets import photo, sample, square_mask, write_tree
from PIL import Image

from common.config.groups import DataConfig, LabelledDataConfig, TrainingConfig
from common.config.load import load_config
from common.data.batches import training_batches
from common.data.cache import open_labelled_pack, open_pack
from common.data.fitting import Box, Fitting, resize_image, resize_mask
from common.data.gather import random_crops
from common.data.layouts.registry import find_dataset
from common.data.load import load_labelled, load_splits
from common.data.pack_spec import PackSpec
from common.data.ragged import Ragged
from common.errors import UserError
from transfer.config import TransferConfig

SHAPES = [(100, 300), (90, 70), (40, 44), (20, 20)]


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    images = {f"images/{i}.png": photo(i, height=h, width=w) for i, (h, w) in enumerate(SHAPES)}
    masks = {f"masks/{i}.png": square_mask(255, height=h, width=w) for i, (h, w) in enumerate(SHAPES)}
    root = write_tree(tmp_path_factory.mktemp("scales"), images | masks)
    return find_dataset(root, classes="auto", labelled=True).samples


def packed(samples, tmp_path, **changes):
    settings = {"size": 32, "cache_dir": tmp_path / "cache", "num_workers": 1, "fit": "crop"}
    return open_labelled_pack(samples, PackSpec(**{**settings, **changes}), num_classes=2)


def test_a_pack_keeps_images_at_the_short_side_that_is_asked_for(samples, tmp_path):
    pack, own = packed(samples, tmp_path, scale_to=50), packed(samples, tmp_path)
    assert isinstance(pack.images, Ragged)
    assert pack.images.shapes.tolist() == [[50, 150], [64, 50], [50, 55], [50, 50]]
    assert own.images.shapes.tolist() == [list(shape) for shape in SHAPES]
    for index, (height, width) in enumerate(pack.images.shapes.tolist()):
        np.testing.assert_array_equal(pack.images[index], resize_image(np.array(own.images[index]), height, width))
        np.testing.assert_array_equal(pack.masks[index], resize_mask(np.array(own.masks[index]), height, width))
        assert pack.class_pixels[index].sum() == height * width
    again = packed(samples, tmp_path, scale_to=50)
    np.testing.assert_array_equal(again.images.shapes, pack.images.shapes)
    assert len(list((tmp_path / "cache").glob("*/images.npy"))) == 2


def test_an_image_that_has_the_short_side_stays_as_it_came():
    image = photo(height=50, width=70)
    assert Fitting(32, "crop", 50).image(image) is image
    assert Fitting(32, "crop", 25).box(50, 70) == Box(0, 0, 25, 35)
    assert Fitting(32, "crop", 25).framed(image).shape == (64, 64, 3)


def test_an_image_that_would_become_too_large_is_named(tmp_path, monkeypatch):
    root = write_tree(tmp_path / "data", {"a.png": photo(height=2, width=100)})
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    spec = PackSpec(size=64, fit="crop", scale_to=20, cache_dir=tmp_path)
    with pytest.raises(UserError, match=r"a\.png: with --scale_to 20 its 20,000 pixels are more than 2,000"):
        open_pack([sample(root / "a.png")], spec)


def test_windows_of_a_scale_are_enlarged_by_it(samples, tmp_path):
    pack = packed(samples, tmp_path)
    places = np.array([(0.5, 0.25)] * 4)
    found = random_crops(pack, np.arange(4), places, np.array([0.5, 2.0, 0.5, 1.0]))
    assert found.boxes is not None
    assert found.masks is not None
    assert found.boxes.tolist() == [[0, 0, 32, 32], [0, 0, 32, 32], [0, 0, 20, 22], [0, 0, 20, 20]]
    image, mask = pack.images[0], pack.masks[0]
    np.testing.assert_array_equal(found.images[0], resize_image(np.array(image[18:82, 59:123]), 32))
    np.testing.assert_array_equal(found.masks[0], resize_mask(np.array(mask[18:82, 59:123]), 32))
    np.testing.assert_array_equal(found.images[1], resize_image(np.array(pack.images[1][37:53, 13:29]), 32))
    np.testing.assert_array_equal(found.images[2][:20, :22], resize_image(np.array(pack.images[2]), 20, 22))
    np.testing.assert_array_equal(found.images[3][:20, :20], pack.images[3])
    assert (found.masks[2][20:] == 255).all()
    assert (found.masks[2][:20, :22] != 255).all()


def test_scales_of_one_change_no_bit(samples, tmp_path):
    pack, plan = packed(samples, tmp_path), TrainingConfig(batch_size=4, lr=1, weight_decay=0)
    usual, drawn, one = (
        next(training_batches(pack, plan, seed=0, **scales).stream(3, 1))
        for scales in ({}, {"scales": (0.5, 2.0)}, {"scales": (1.0, 1.0)})
    )
    assert torch.equal(usual.image, one.image)
    assert not torch.equal(usual.image, drawn.image)


def test_scales_depend_on_the_seed_and_the_number_of_their_batch_alone(samples, tmp_path):
    pack, plan = packed(samples, tmp_path), TrainingConfig(batch_size=3, lr=1, weight_decay=0)
    whole = list(training_batches(pack, plan, seed=3, scales=(0.25, 4)).stream(0, 6))
    resumed = list(training_batches(pack, plan, seed=3, scales=(0.25, 4)).stream(4, 2))
    for ours, theirs in zip(whole[4:], resumed, strict=True):
        assert torch.equal(ours.image, theirs.image)
        assert ours.mask is not None
        assert theirs.mask is not None
        assert torch.equal(ours.mask, theirs.mask)


def test_scales_are_drawn_alike_in_every_octave(samples, tmp_path):
    batches = training_batches(
        packed(samples, tmp_path), TrainingConfig(batch_size=4, lr=1, weight_decay=0), seed=0, scales=(0.5, 2)
    )
    scales = np.concatenate([batches._scales(4, (number,)) for number in range(500)])
    assert 0.5 <= scales.min() < 0.51
    assert 1.98 < scales.max() <= 2
    assert (scales < 1).mean() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    ("words", "scales"),
    [([], (1.0, 1.0)), (["0.5"], (0.5, 2.0)), (["0.5", "1"], (0.5, 1.0)), (["2", "3"], (2.0, 3.0))],
)
def test_one_number_is_the_least_scale(words, scales):
    flags = ["--crop_scale", *words] if words else []
    config = load_config(TransferConfig, [*flags, "--fit", "crop", "--data_dir", "x"], prog="")
    assert config.data.crop_scale == scales


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--crop_scale", "2"], "the least scale is above the largest"),
        (["--crop_scale", "1", "2", "3"], "give the least scale, and the largest"),
        (["--crop_scale", "0"], "greater than 0"),
        (["--crop_scale", "0.5", "--fit", "pad"], "--crop_scale is for crops, and --fit is pad: give --fit crop"),
        (["--scale_to", "90", "--fit", "squash"], "--scale_to is for crops, and --fit is squash: give --fit crop"),
    ],
)
def test_what_no_crop_can_be_is_refused(words, told):
    with pytest.raises(UserError, match=told):
        load_config(TransferConfig, [*words, "--data_dir", "x"], prog="")


def test_settings_of_crops_ask_for_crops(tmp_path):
    images = {f"images/{i:02}.png": photo(i) for i in range(12)}
    root = write_tree(tmp_path / "data", images | {f"masks/{i:02}.png": square_mask(255) for i in range(12)})
    config = LabelledDataConfig(data_dir=root, image_size=64, fit="auto", cache_dir=tmp_path)
    for changes in ({"scale_to": 30}, {"crop_scale": (0.5, 1.0)}):
        data = load_labelled(LabelledDataConfig(**{**vars(config), **changes}))
        assert data.fitting == Fitting(64, "crop", changes.get("scale_to"))
        assert f"--fit auto takes crop, for --{next(iter(changes))}" in data.notes
    with pytest.raises(UserError, match="--scale_to is for images in files: name them with --data_dir"):
        load_splits(DataConfig(fit="crop", scale_to=30))
