"""Several masks of one image: what of each is seen when they are joined."""

from pathlib import Path

import numpy as np
import pytest
from datasets import write_tree

from common.data.classes import BINARY, SPECIES, Classes
from common.data.known import KnownFiles
from common.data.masks.labels import UnknownValuesError, read_labels
from common.data.masks.mask import Frame, JoinedMasks, MaskFile
from common.data.samples import Sample
from common.data.survey import survey

SIZE = 4, 6
THRESHOLD = Classes.from_dict({"names": ["ground", "cell"], "threshold": 128}).values


def row(*values):
    """A mask of columns of these values, or colours."""
    return np.broadcast_to(np.array(values, np.uint8), (SIZE[0], *np.shape(values))).copy()


def united(folder, *masks):
    write_tree(folder, {f"{i}.png": mask for i, mask in enumerate(masks)})
    return JoinedMasks([MaskFile(folder / f"{i}.png") for i in range(len(masks))], "union")


def classes_in(mask, values):
    classes = read_labels(mask, values, Frame(Path("image.png"), *SIZE)).classes
    assert (classes == classes[0]).all()
    return classes[0].tolist()


@pytest.mark.parametrize(
    ("values", "first", "second", "classes"),
    [
        (BINARY.values, (0, 0, 1, 1, 0, 7), (0, 255, 0, 255, 0, 0), [0, 1, 1, 1, 0, 1]),
        ({0: 0, 255: 1}, (0, 0, 255, 255, 0, 0), (0, 255, 0, 255, 0, 0), [0, 1, 1, 1, 0, 0]),
        ({0: 0, 1: 1, 2: 2, 255: 255}, (0, 255, 255, 2, 0, 255), (255, 0, 1, 0, 0, 2), [255, 255, 1, 1, 0, 1]),
        ({1: 1, 2: 0, 3: 255}, (2, 2, 1, 3, 2, 3), (2, 1, 2, 2, 2, 1), [0, 1, 1, 255, 0, 1]),
        ({0: 0, 1: 0, "rest": 1}, (0, 1, 2, 0, 1, 9), (0, 0, 0, 3, 1, 1), [0, 0, 1, 1, 0, 1]),
        (THRESHOLD, (0, 90, 128, 200, 0, 0), (0, 20, 0, 90, 255, 0), [0, 0, 1, 1, 1, 0]),
    ],
)
def test_a_union_shows_what_any_mask_shows_and_ignores_what_else_is_ignored(tmp_path, values, first, second, classes):
    mask = united(tmp_path, row(*first), row(*second))
    assert classes_in(mask, values) == classes
    assert classes_in(JoinedMasks(mask.parts[::-1], "union"), values) == classes


def test_a_union_of_colours_is_told_by_their_table(tmp_path):
    black, red, grey = (0, 0, 0), (255, 0, 0), (90, 90, 90)
    mask = united(tmp_path, row(black, red, grey, grey, black, red), row(black, black, black, red, grey, red))
    assert classes_in(mask, {"#000000": 0, "#ff0000": 1, "#5a5a5a": 255}) == [0, 1, 255, 1, 255, 1]
    with pytest.raises(UnknownValuesError, match=r"holds the colours #5a5a5a, but"):
        classes_in(mask, {"#000000": 0, "#ff0000": 1})


def test_what_a_table_without_1_does_not_know_is_refused_by_its_number(tmp_path):
    with pytest.raises(UnknownValuesError, match=r"holds the values 7, but the classes map only \[0, 255\]"):
        classes_in(united(tmp_path, row(0, 255, 7, 0, 0, 0)), {0: 0, 255: 1})


@pytest.mark.parametrize(
    ("values", "kinds"), [(BINARY.values, ()), ({0: 0, 1: 1, 2: 2}, ()), (SPECIES.values, ("united",))]
)
def test_only_unions_that_are_read_otherwise_than_before_are_decoded_anew(tmp_path, values, kinds):
    mask = united(tmp_path, row(0, 1, 1, 0, 0, 0))
    sample = Sample("a", mask.files[0], mask, values, None)
    (read,) = survey([sample], KnownFiles(tmp_path, str(tmp_path), what="facts"), pages="refuse").samples
    assert read.reading.mask_kinds == kinds
