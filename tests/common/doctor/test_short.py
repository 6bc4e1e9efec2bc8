"""What is said of the data at the start of a training."""

import numpy as np
import pytest

from common.data.pack import LabelledPack
from common.doctor.short import in_short

NAMES = ("background", "leaf", "fruit")


def pack(rows: list[tuple[int, int, int]], background: int | None = 0) -> LabelledPack:
    """Images with so many pixels of each class."""
    keys = tuple(f"image_{i}" for i in range(len(rows)))
    masks = np.zeros((len(rows), 2, 2), np.uint8)
    return LabelledPack(
        images=masks[..., None],
        masks=masks,
        keys=keys,
        digests=keys,
        mask_digests=keys,
        class_pixels=np.array(rows, dtype=np.int64).reshape(-1, 3),
        background=background,
    )


def said(train: list, val: list, test: list, *, background: int | None = 0, one_split: bool = True) -> list[str]:
    packs = {"train": pack(train, background), "val": pack(val), "test": pack(test)}
    return in_short(packs, NAMES, one_split=one_split)


ALL, NO_FRUIT, NOTHING = (1, 1, 2), (2, 2, 0), (4, 0, 0)


@pytest.mark.parametrize(
    ("train", "val", "test", "sentences"),
    [
        ([ALL], [ALL], [ALL] * 8, []),
        ([ALL], [ALL], [ALL] * 3, ["too few to tell: 3 test images"]),
        (
            [NO_FRUIT],
            [NOTHING],
            [ALL] * 8,
            ["no training image shows fruit; no validation image shows leaf, fruit"],
        ),
        (
            [ALL, NOTHING, NOTHING],
            [ALL],
            [ALL] * 8,
            ["2 training masks show nothing but background, of 3: image_1, image_2"],
        ),
    ],
)
def test_what_cannot_be_learnt_or_told_is_said_before_the_first_update(train, val, test, sentences):
    assert said(train, val, test) == sentences


def test_folds_pool_their_test_images_and_where_all_is_foreground_no_mask_is_empty():
    assert said([ALL, (4, 0, 0)], [ALL], [ALL], background=None, one_split=False) == []
