"""Images that are kept at their own size: whole ones with padding, and random crops."""

import numpy as np
import pytest
import torch
from datasets import photo, square_mask, write_tree

from common.config.groups import TrainingConfig
from common.data.batches import Batches, each_image, read_batch, training_batches
from common.data.cache import PackSpec, open_labelled_pack, open_pack
from common.data.fitting import Box
from common.data.gather import larger, middle, random_crops
from common.data.layouts.registry import find_dataset
from common.data.pack import LabelledPack
from common.data.ragged import Ragged

SHAPES = [(20, 60), (90, 70), (90, 70), (200, 33), (1, 1)]


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    images = {f"images/{i}.png": photo(i, height=h, width=w) for i, (h, w) in enumerate(SHAPES)}
    masks = {f"masks/{i}.png": square_mask(255, height=h, width=w) for i, (h, w) in enumerate(SHAPES)}
    root = write_tree(tmp_path_factory.mktemp("ragged"), images | masks)
    return find_dataset(root, classes="auto", labelled=True).samples


def spec(tmp_path, **changes) -> PackSpec:
    return PackSpec(**{"size": 64, "cache_dir": tmp_path / "cache", "num_workers": 1, "fit": "crop", **changes})


@pytest.fixture
def pack(samples, tmp_path) -> LabelledPack:
    return open_labelled_pack(samples, spec(tmp_path), num_classes=2)


def test_images_and_masks_are_kept_as_they_came_and_found_again(samples, pack, tmp_path):
    assert isinstance(pack.images, Ragged)
    assert isinstance(pack.masks, Ragged)
    again = open_labelled_pack(samples, spec(tmp_path), num_classes=2)
    assert len(list((tmp_path / "cache").glob("*/images.npy"))) == 1
    for some in (pack, again, pack.take(np.array([4, 2, 1, 0, 3])).take(np.array([3, 2, 1, 4, 0]))):
        for index, (height, width) in enumerate(SHAPES):
            np.testing.assert_array_equal(some.content(index), photo(index, height=height, width=width))
            assert some.masks[index].shape == (height, width)
            assert some.class_pixels[index].sum() == height * width
    np.testing.assert_array_equal(open_pack(samples, spec(tmp_path)).images[1], pack.images[1])


def test_a_pack_without_the_shapes_of_its_images_is_made_again(samples, pack, tmp_path, capsys):
    [meta] = (tmp_path / "cache").glob("*/meta.json")
    images = np.array(pack.images[3])
    content = meta.parent / "images.npy"
    content.write_bytes(content.read_bytes()[:-3])
    again = open_labelled_pack(samples, spec(tmp_path), num_classes=2)
    assert "are damaged" in capsys.readouterr().err
    np.testing.assert_array_equal(again.images[3], images)


def test_a_crop_is_a_part_of_its_image_and_small_images_are_padded(pack):
    places = np.array([(0.0, 0.0), (0.999, 0.0), (0.5, 0.999), (0.5, 0.5), (0.3, 0.9)])
    found = random_crops(pack, np.arange(5), places)
    assert found.images.shape == (5, 64, 64, 3)
    assert found.boxes is not None
    assert found.masks is not None
    assert found.boxes[:, 2:].tolist() == [[20, 60], [64, 64], [64, 64], [64, 33], [1, 1]]
    np.testing.assert_array_equal(found.images[1], pack.images[1][26:, :64])
    np.testing.assert_array_equal(found.images[2], pack.images[2][13:77, 6:])
    np.testing.assert_array_equal(found.images[3][:, :33], pack.images[3][68:132])
    np.testing.assert_array_equal(found.images[0][20:38, :60], pack.images[0][18:0:-1])
    for mask, (_, _, height, width) in zip(found.masks, found.boxes, strict=True):
        assert (mask[:height, :width] != 255).all()
        assert (mask != 255).sum() == height * width


def test_every_place_is_drawn(pack):
    batches = training_batches(pack, TrainingConfig(batch_size=5, lr=1, weight_decay=0), seed=0)
    ends = {int(batch.image[row].sum() * 1e4) for batch in batches.stream(0, 200) for row in batch.index.argsort()[1:2]}
    assert len(ends) > 27 * 7 * 0.5


def test_crops_depend_on_the_seed_and_the_number_of_their_batch_alone(pack):
    plan = TrainingConfig(batch_size=4, lr=1, weight_decay=0)
    whole = list(training_batches(pack, plan, seed=3).stream(0, 6))
    resumed = list(training_batches(pack, plan, seed=3).stream(4, 2))
    for ours, theirs in zip(whole[4:], resumed, strict=True):
        assert torch.equal(ours.image, theirs.image)
        assert ours.mask is not None
        assert theirs.mask is not None
        assert torch.equal(ours.mask, theirs.mask)
    other = list(training_batches(pack, plan, seed=4).stream(0, 6))
    assert not all(torch.equal(ours.image, theirs.image) for ours, theirs in zip(whole, other, strict=True))
    first, second = (next(training_batches(pack, plan, seed=3).epoch(epoch)) for epoch in (0, 1))
    assert not torch.equal(first.image, second.image)


def test_whole_images_come_in_order_in_batches_of_one_size(pack):
    batches = list(each_image(pack, batch_size=16, device=torch.device("cpu")))
    assert [batch.index.tolist() for batch in batches] == [[0], [1, 2], [3], [4]]
    assert [batch.image.shape[2:] for batch in batches] == [(64, 64), (96, 96), (224, 64), (64, 64)]
    for batch in batches:
        for row, index in enumerate(batch.index.tolist()):
            height, width = SHAPES[index]
            assert batch.valid is not None
            assert batch.valid[row].sum() == height * width
            shown = (batch.image[row, :, :height, :width] * 255).round().byte().permute(1, 2, 0)
            np.testing.assert_array_equal(shown.numpy(), pack.images[index])
            assert batch.mask is not None
            assert (batch.mask[row][~batch.valid[row, 0]] == 255).all()


def test_a_batch_of_whole_images_has_no_more_pixels_than_one_of_crops(pack):
    chunks = [len(batch) for batch in Batches(pack, batch_size=2).epoch(0)]
    assert chunks == [1, 1, 1, 1, 1]
    assert len(read_batch(pack, np.array([0, 3])).image) == 2


def test_of_too_large_images_the_middle_is_seen():
    assert middle(100, 5000) == Box(0, 1988, 100, 1024)
    assert middle(1024, 1024) == Box(0, 0, 1024, 1024)
    pixels = np.zeros((1030 * 2 + 4, 3), np.uint8)
    pack = LabelledPack(
        images=Ragged(pixels, np.array([(1030, 2), (2, 2)]), size=64),
        masks=Ragged(pixels[:, 0], np.array([(1030, 2), (2, 2)]), size=64),
        keys=("a", "b"),
        digests=("a", "b"),
        class_pixels=np.zeros((2, 2), np.int64),
        mask_digests=("", ""),
    )
    assert larger(pack) == [0]
    [first, _] = each_image(pack, batch_size=99, device=torch.device("cpu"))
    assert first.image.shape[2:] == (1024, 64)
