"""Each layout is read for what it is: the images, their masks, the classes and the split."""

from collections import Counter

import numpy as np
import pytest
from made_layouts import MADE, SIDE

from common.data.layouts.registry import LAYOUTS, Patterns, find_dataset
from common.data.masks.labels import read_labels
from common.data.masks.mask import Frame

COUNT = 2


def found(made, root, *, labelled):
    made.write(root, COUNT)
    return find_dataset(root, labelled=labelled, patterns=Patterns(**made.flags))


def name_of(sample):
    return sample.image.stem.removesuffix("_leftImg8bit").removesuffix("-t1")


@pytest.mark.parametrize("made", MADE.values(), ids=MADE)
def test_images_masks_classes_and_splits_are_what_they_were_made_as(tmp_path, made):
    dataset = found(made, tmp_path, labelled=True)
    assert dataset.layout == made.layout
    assert dataset.classes.names == made.classes
    assert Counter(sample.split for sample in dataset.samples) == Counter(
        {None: 3 * COUNT} if made.splits == (None,) else dict.fromkeys(made.splits, COUNT)
    )
    for sample in dataset.samples:
        assert sample.split in (None, name_of(sample).rstrip("01"))
        labels = read_labels(sample.mask, sample.values, Frame(sample.image, SIDE, SIDE))
        np.testing.assert_array_equal(labels.classes, made.truth(name_of(sample)))


@pytest.mark.parametrize("made", MADE.values(), ids=MADE)
def test_phase_1_takes_the_photographs_and_no_mask(tmp_path, made):
    dataset = found(made, tmp_path, labelled=False)
    photographs = {sample.image.stem for sample in dataset.samples}
    assert {name_of(sample) for sample in dataset.samples} - {"extra"} == {
        f"{split}{i}" for split in ("train", "val", "test") for i in range(COUNT)
    }
    assert len(photographs) == len(dataset.samples)
    masks = 3 * COUNT if len(made.splits) != 2 else 2 * COUNT
    assert f"masks that are left aside: {masks}" in dataset.notes


def test_every_layout_is_made_by_the_tests():
    by_datasets = {"oxford-iiit-pet", "train-val-test", "isic-2016"}
    assert {made.layout for made in MADE.values()} | by_datasets == {*LAYOUTS, "patterns"}
