import numpy as np
import torch

from common.data.batches import Batches
from common.data.synthetic import synthetic_pets


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
    pack = synthetic_pets(4, 64, seed=1)
    from dataclasses import replace

    bare = replace(pack, masks=None, class_pixels=None)
    assert next(Batches(bare, batch_size=4).epoch(0)).mask is None
