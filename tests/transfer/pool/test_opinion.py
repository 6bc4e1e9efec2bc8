"""The second opinion on the class of a photograph."""

import numpy as np
import pytest
import torch

from common.data.pack import LabelledPack
from common.models.encoder import Encoder
from transfer.pool.opinion import LEAST, _needed, features, second_opinion


class Colours(Encoder):
    """An encoder whose coarsest maps are the colours of the image, from one size of images on."""

    channels, strides = (3, 3), (1, 2)

    def __init__(self, least=0):
        super().__init__(mean=[0.0] * 3, std=[1.0] * 3)
        self.least = least

    def pyramid(self, normalised):
        seen = normalised if normalised.shape[-1] >= self.least else torch.zeros_like(normalised)
        return [seen + 1e-3, torch.nn.functional.avg_pool2d(seen, 2) + 1e-3]


def pack(count=24, *, telling=True, seed=0):
    """Red cats and blue dogs; or where nothing tells them apart, all of one colour."""
    random = np.random.default_rng(seed)
    images, kinds = random.integers(0, 60, (count, 16, 16, 3), dtype=np.uint8), np.arange(count) % 2
    for image, kind in zip(images, kinds, strict=True):
        image[4:12, 4:12, 2 * kind if telling else 1] = 255
    pixels = np.stack([np.full(count, 192), 64 * (kinds == 0), 64 * (kinds == 1)], 1)
    masks = np.zeros(images.shape[:3], np.uint8)
    masks[:, 4:12, 4:12] = 1 + kinds[:, None, None]
    keys = tuple(str(n) for n in range(count))
    return LabelledPack(images=images, masks=masks, keys=keys, digests=keys, class_pixels=pixels, mask_digests=keys)


def opinion(encoder, **kind):
    train, val = pack(**kind), pack(seed=1, **kind)
    return second_opinion(encoder, train, val, background=0, device=torch.device("cpu"))


def scales(encoder):
    return [fitted.scale for fitted in opinion(encoder).fitted]


def seen(seed):
    """Images, and where their foreground is."""
    made = pack(seed=seed)
    return torch.from_numpy(made.images).permute(0, 3, 1, 2) / 255, torch.from_numpy(made.masks > 0).float()


def test_an_opinion_tells_the_classes_apart_by_what_the_encoder_knew():
    judge = opinion(Colours())
    told = judge(*seen(2))
    assert told.shape == (24, 2)
    torch.testing.assert_close(told.sum(1), torch.ones(24))
    assert told.argmax(1).tolist() == [n % 2 for n in range(24)]
    assert judge.right == 1.0


def test_an_encoder_that_tells_nothing_is_not_asked():
    assert opinion(Colours(), telling=False) is None


@pytest.mark.parametrize(("images", "needed"), [(1000, LEAST), (24, 0.755), (8, 0.942), (2, 1.384)])
def test_few_validation_images_must_all_be_right(images, needed):
    assert _needed(np.arange(images) % 2) == pytest.approx(needed, abs=0.001)


def test_images_are_enlarged_where_the_encoder_then_knows_more():
    assert scales(Colours()) == [1, 1, 2]
    assert scales(Colours(least=32)) == [2, 2, 1]


def test_the_encoder_that_learns_on_is_not_the_one_that_is_asked():
    encoder = Colours()
    assert opinion(encoder).encoder is not encoder


def test_the_foreground_decides_and_not_what_lies_around_it():
    judge = opinion(Colours())
    images, foreground = seen(2)
    blue = torch.tensor([0.0, 0.0, 1.0])[:, None, None]
    on_blue = torch.where(foreground[:, None] > 0, images, blue)
    assert judge(on_blue, foreground).argmax(1).tolist() == [n % 2 for n in range(24)]


def test_an_image_without_foreground_is_described_by_all_of_it():
    images, _ = seen(2)
    nothing, everything = torch.zeros(24, 16, 16), torch.ones(24, 16, 16)
    for level, vectors in features(Colours(), images, nothing, 1).items():
        torch.testing.assert_close(vectors, features(Colours(), images, everything, 1)[level])


def test_the_levels_are_chosen_by_validation_images():
    class Finest(Colours):
        """Its coarsest maps are all alike."""

        channels, strides = (3, 3, 3), (1, 2, 4)

        def pyramid(self, normalised):
            alike = torch.ones_like(normalised)
            pool = torch.nn.functional.avg_pool2d
            return [normalised + 1e-3, pool(alike, 2), pool(alike, 4)]

    assert opinion(Finest()).fitted[0].level == -3


def test_the_finest_maps_are_asked_too():
    class Deep(Colours):
        """Four levels, of which only the finest knows the colours."""

        channels, strides = (3,) * 4, (1, 2, 4, 8)

        def pyramid(self, normalised):
            alike = torch.ones_like(normalised)
            return [normalised + 1e-3, *(alike[..., ::stride, ::stride] for stride in self.strides[1:])]

    judge = opinion(Deep())
    assert judge.fitted[0].level == -4
    assert judge.right == 1.0


def test_a_class_that_no_mask_shows_is_never_told():
    train, val = ({**vars(pack(seed=seed))} for seed in (0, 1))
    for part in (train, val):  # birds are known by name only
        part["class_pixels"] = np.insert(part["class_pixels"], 1, 0, axis=1)
    known = {"background": 0, "device": torch.device("cpu")}
    told = second_opinion(Colours(), LabelledPack(**train), LabelledPack(**val), **known)(*seen(2))
    assert told.shape == (24, 3)
    assert told.argmax(1).tolist() == [1 + n % 2 for n in range(24)]
    assert not told[:, 0].any()
