import numpy as np
import pytest
import torch

from common.config.groups import TrainingConfig
from common.data.batches import Batches, sampling_weights, training_batches
from common.data.synthetic.pets import synthetic_pets
from common.errors import UserError


def plan(**settings):
    return TrainingConfig(**({"epochs": 1, "batch_size": 4, "lr": 0.1, "weight_decay": 0, "patience": 1} | settings))


def seen(batches, epoch=0):
    return [batch.index.tolist() for batch in batches.epoch(epoch)]


def test_an_epoch_yields_every_image_once_and_its_order_depends_on_seed_and_epoch_alone():
    pack = synthetic_pets(23, 64, seed=1)
    first = seen(Batches(pack, batch_size=5, seed=3, shuffle=True), epoch=2)
    assert sorted(index for batch in first for index in batch) == list(range(23))
    assert first == seen(Batches(pack, batch_size=5, seed=3, shuffle=True), epoch=2)
    assert first != seen(Batches(pack, batch_size=5, seed=3, shuffle=True), epoch=3)
    assert first != seen(Batches(pack, batch_size=5, seed=4, shuffle=True), epoch=2)


def test_a_last_batch_of_one_joins_the_one_before_and_length_knows_it():
    pack = synthetic_pets(21, 64, seed=1)
    batches = Batches(pack, batch_size=10)
    assert [len(indices) for indices in seen(batches)] == [10, 11]
    assert len(batches) == 2
    assert len(Batches(pack.take(np.arange(1)), batch_size=10)) == 1


def test_a_batch_is_the_bytes_of_the_pack_scaled_to_one():
    pack = synthetic_pets(4, 64, seed=1)
    batch = next(Batches(pack, batch_size=4).epoch(0))
    assert batch.image.shape == (4, 3, 64, 64)
    assert batch.image.dtype == torch.float32
    np.testing.assert_array_equal((batch.image * 255).round().byte().permute(0, 2, 3, 1).numpy(), pack.images)
    assert batch.mask is not None
    np.testing.assert_array_equal(batch.mask.numpy(), pack.masks)


def test_images_without_masks_give_batches_without_masks():
    bare = synthetic_pets(4, 64, seed=1).without_labels()
    assert next(Batches(bare, batch_size=4).epoch(0)).mask is None


def test_chances_give_every_class_the_same_weight():
    pixels = np.array([[5, 1, 0], [5, 2, 0], [5, 3, 0], [5, 0, 4], [9, 0, 0], [5, 1, 1]])
    # one image of six shows neither; of the rest cat, on 4 images, and dog, on 2, have half each
    expected = np.array([1 / 8, 1 / 8, 1 / 8, 1 / 4, 0, 1 / 8 + 1 / 4]) * 5 / 6 + np.array([0, 0, 0, 0, 1 / 6, 0])
    np.testing.assert_allclose(sampling_weights(pixels[:, 1:]), expected)
    np.testing.assert_allclose(sampling_weights(pixels[:4][:, 1:]), [1 / 6, 1 / 6, 1 / 6, 1 / 2])
    np.testing.assert_allclose(sampling_weights(pixels[4:5][:, 1:]), [1])


def test_images_are_drawn_by_their_chances_and_as_many_as_there_are():
    pack = synthetic_pets(20, 64, seed=1)
    chances = np.array([0.5] + [0.5 / 19] * 19)
    batches = Batches(pack, batch_size=5, seed=3, chances=chances)
    drawn = [index for epoch in range(40) for batch in seen(batches, epoch) for index in batch]
    assert len(drawn) == 800
    assert np.mean(np.array(drawn) == 0) == pytest.approx(0.5, abs=0.06)
    assert seen(batches, 2) == seen(Batches(pack, batch_size=5, seed=3, chances=chances), 2) != seen(batches, 3)


def test_a_single_image_is_refused():
    with pytest.raises(UserError, match="there is one training image"):
        training_batches(synthetic_pets(4, 64, seed=1).take(np.arange(1)), plan(batch_size=8), seed=0)


@pytest.mark.parametrize("images", [3, 23])
def test_a_stream_is_full_batches_cut_out_of_whole_passes(images):
    pack = synthetic_pets(images, 64, seed=1)
    batches = training_batches(pack, plan(batch_size=5), seed=3)
    parts = [(0, 8), (8, 8), (16, 1), (17, 7), (24, 24)]
    drawn = [[batch.index.tolist() for batch in batches.stream(*part)] for part in parts]
    assert [[len(batch) for batch in part] for part in drawn] == [[5] * count for _, count in parts]
    stream = [index for epoch in drawn for batch in epoch for index in batch]
    passes = [index for number in range(240 // images + 1) for index in batches._order(number)]
    assert stream == passes[:240]
    assert max(stream.count(i) for i in range(images)) - min(stream.count(i) for i in range(images)) <= 1
