"""Masks with a palette, of a whole data set: whether their palettes fit together, and by what they are told."""

import numpy as np
import pytest
from datasets import photo, write_tree
from PIL import Image

from common.data.known import KnownFiles
from common.data.layouts.registry import find_dataset
from common.data.masks.labels import read_labels
from common.data.masks.mask import Frame
from common.data.survey import survey
from common.errors import UserError

SIDE = 16


@pytest.fixture
def settled(monkeypatch):
    """Files that a test has just written count as left alone."""
    monkeypatch.setattr("common.data.known.SETTLED", -1.0)


def surveyed(root, *, labelled=False, record=None, **options):
    """The samples of a folder; what was seen stays in the record of that folder, or of another."""
    known = KnownFiles((record or root).parent, str(record or root), what="facts")
    found = survey(find_dataset(root, labelled=labelled, **options).samples, known, pages="refuse")
    known.keep()
    return found


PALETTES = {"one": [0, 0, 0, 255, 0, 0], "other": [255, 0, 0, 0, 0, 0]}


def write_palettes(root, palettes, values=(0, 1)):
    for number, palette in enumerate(palettes):
        write_tree(root, {f"images/{number}.png": photo(number, height=SIDE, width=SIDE)})
        mask = np.full((SIDE, SIDE), values[0], np.uint8)
        mask[4:9, 4:9] = values[1]
        picture = Image.fromarray(mask).convert("P")
        picture.putpalette(palette)
        (root / "masks").mkdir(exist_ok=True)
        picture.save(root / f"masks/{number}.png")
    return root


def test_masks_of_one_set_with_different_palettes_are_refused_by_name(tmp_path):
    same = write_palettes(tmp_path / "same", [PALETTES["one"], PALETTES["one"]])
    assert len(surveyed(same, labelled=True).samples) == 2
    root = write_palettes(tmp_path / "in", [PALETTES["one"], PALETTES["other"]])
    with pytest.raises(UserError, match=r"0\.png and .*1\.png have different palettes: index 0 is #000000 .*#ff0000"):
        surveyed(root, labelled=True)
    assert len(surveyed(root).samples) == 2


@pytest.mark.usefixtures("settled")
def test_masks_that_were_seen_as_photographs_are_looked_at_as_masks(tmp_path):
    root = write_palettes(tmp_path / "in", [PALETTES["one"], PALETTES["other"]])
    surveyed(root / "masks", record=root)
    for _ in range(2):
        with pytest.raises(UserError, match="have different palettes"):
            surveyed(root, labelled=True)


@pytest.mark.usefixtures("settled")
def test_photographs_that_were_seen_as_masks_are_looked_at_as_photographs(tmp_path):
    deep = np.arange(SIDE * SIDE, dtype=np.uint16).reshape(SIDE, SIDE)
    root = write_tree(tmp_path / "in", {"images/a.png": photo(1, height=SIDE, width=SIDE), "masks/a.png": deep})
    surveyed(root, labelled=True)
    assert surveyed(root / "masks", record=root).depth is not None


@pytest.mark.parametrize("classes", ["binary", "names: [ground, leaf]\nvalues: {'#000000': 0, '#ffffff': 1}\n"])
def test_palettes_that_differ_matter_not_where_colours_tell_the_classes(tmp_path, classes):
    black_and_white = [0, 0, 0, 255, 255, 255], [255, 255, 255, 0, 0, 0]
    root = write_palettes(tmp_path / "in", black_and_white)
    if classes != "binary":
        (tmp_path / "classes.yaml").write_text(classes)
        classes = str(tmp_path / "classes.yaml")
    samples = find_dataset(root, labelled=True, classes=classes).samples
    known = KnownFiles(tmp_path, str(root), what="facts")
    survey(samples, known, pages="refuse")
    frame = Frame(root, SIDE, SIDE)
    shares = [read_labels(sample.mask, sample.values, frame).classes.mean() for sample in samples if sample.mask]
    assert shares[0] < 0.5 < shares[1]


BLACK_WHITE_RED = [0, 0, 0, 255, 255, 255, 255, 0, 0]


@pytest.mark.parametrize("values", ["{0: 0, 1: 1, 2: 2, 255: ignore}", "{0: 0, rest: 1, 255: ignore}"])
def test_a_mask_that_lacks_the_coloured_class_is_told_by_its_indices_like_the_others(tmp_path, values):
    root = write_palettes(tmp_path / "in", [BLACK_WHITE_RED], values=(0, 1))
    (tmp_path / "classes.yaml").write_text(f"names: [ground, leaf, fruit]\nvalues: {values}\n")
    (sample,) = surveyed(root, labelled=True, classes=str(tmp_path / "classes.yaml")).samples
    labels = read_labels(sample.mask, sample.values, Frame(root, SIDE, SIDE))
    assert np.unique(labels.classes).tolist() == [0, 1]
    assert "numbered" in sample.reading.mask_kinds


@pytest.mark.parametrize(
    ("values", "palette"),
    [
        ("{0: 0, 1: 1, 255: 1}", BLACK_WHITE_RED),
        ("{0: 0, 255: 1}", BLACK_WHITE_RED),
        ("{0: 0, 255: ignore}", BLACK_WHITE_RED),
        ("{0: 0, 255: 1, rest: ignore}", BLACK_WHITE_RED),
        ("{0: 0, 1: 1, 255: ignore}", [0, 0, 0, 128, 0, 0]),
    ],
)
def test_masks_that_are_read_as_ever_are_found_in_their_packs(tmp_path, values, palette):
    root = write_palettes(tmp_path / "in", [palette])
    (tmp_path / "classes.yaml").write_text(f"names: [ground, leaf]\nvalues: {values}\n")
    (sample,) = surveyed(root, labelled=True, classes=str(tmp_path / "classes.yaml")).samples
    assert sample.reading.mask_kinds == ("palette",)
    classes = np.unique(read_labels(sample.mask, sample.values, Frame(root, SIDE, SIDE)).classes).tolist()
    assert classes == ([0, 255] if values == "{0: 0, 255: ignore}" else [0, 1])
