"""Which mask belongs to which image, and what is said where none does."""

import unicodedata

import numpy as np
import pytest
from datasets import write_tree
from made_layouts import SIDE, corners, drawn, picture

from common.data.layouts.registry import Patterns, find_dataset
from common.data.masks.labels import read_labels
from common.data.masks.mask import Frame
from common.errors import UserError


def half(value, *, right=False):
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:, SIDE // 2 * right : SIDE // 2 * (1 + right)] = value
    return mask


def masks_of(root, **options):
    """The classes of the mask of each image."""
    frame = Frame(root, SIDE, SIDE)
    samples = find_dataset(root, labelled=True, **options).samples
    return {sample.key: read_labels(sample.mask, sample.values, frame).classes for sample in samples if sample.mask}


@pytest.mark.parametrize(
    "ending",
    ["_mask", "-mask", " Mask", "_segmentation", "_seg", "_label", "_labels", "_lesion", "_roi", "_GT", "_anno"],
)
@pytest.mark.parametrize("masks", ["masks/{}", "images/{}"])
def test_a_mask_is_named_as_its_image_with_an_ending(tmp_path, ending, masks):
    write_tree(tmp_path, {"images/IMD002.bmp": picture("a"), f"{masks.format('IMD002' + ending)}.bmp": drawn("a")})
    root = tmp_path / "images" if masks.startswith("images") else tmp_path
    np.testing.assert_array_equal(masks_of(root)["IMD002"], drawn("a", 1))


def test_an_image_may_have_an_ending_too(tmp_path):
    write_tree(tmp_path, {"119_sat.jpg": picture("a"), "119_mask.png": drawn("a")})
    np.testing.assert_array_equal(masks_of(tmp_path)["119_sat"], drawn("a", 1))


@pytest.mark.parametrize(
    "mask", ["masks/img_1.png", "masks/IMG_1_MASK.png", "images/img_1_mask.png", "masks/img_1/a.png"]
)
def test_capital_letters_make_no_difference_to_an_image_and_its_mask(tmp_path, mask):
    write_tree(tmp_path, {"images/IMG_1.JPG": picture("a"), mask: drawn("a")})
    root = tmp_path / "images" if mask.startswith("images") else tmp_path
    np.testing.assert_array_equal(masks_of(root)["IMG_1"], drawn("a", 1))
    assert [sample.key for sample in find_dataset(root, labelled=False).samples] == ["IMG_1"]


def test_capital_letters_count_where_two_images_differ_in_them_alone(tmp_path):
    files = {f"images/{name}.png": picture(name) for name in "aA"} | {f"masks/{name}.png": drawn(name) for name in "aA"}
    masks = masks_of(write_tree(tmp_path, files))
    for name in "aA":
        np.testing.assert_array_equal(masks[name], drawn(name, 1))
    (tmp_path / "masks/A.png").unlink()
    with pytest.raises(UserError, match=r"1 image has no mask .*A\.png"):
        find_dataset(tmp_path, labelled=True)


@pytest.mark.parametrize(
    "names",
    [
        ("benign (1)_mask.png", "benign (1)_mask_1.png"),
        ("benign (1)_mask_2.png", "benign (1)_mask_10.png"),
        ("masks/benign (1)/left.png", "masks/benign (1)/right.png"),
    ],
)
def test_masks_that_are_numbered_or_share_a_folder_are_parts_of_one(tmp_path, names):
    images = "images/" if names[0].startswith("masks") else ""
    first, second = names
    write_tree(tmp_path, {f"{images}benign (1).png": picture("a"), first: half(255), second: half(255, right=True)})
    assert (masks_of(tmp_path)["benign (1)"] == 1).all()
    (note,) = find_dataset(tmp_path, labelled=True).notes
    assert note.startswith("1 image is drawn in several masks, which are joined")


def test_masks_of_other_names_are_joined_only_as_the_user_says(tmp_path):
    upper, lower = half(1), half(255)
    lower[: SIDE // 2], upper[SIDE // 2 :] = 0, 0
    write_tree(tmp_path, {"images/a.png": picture("a"), "masks/a.png": upper, "labels/a.png": lower})
    with pytest.raises(UserError, match=r"a\.png has 2 masks: .*masks/a\.png.*--join later .*--join union"):
        find_dataset(tmp_path, labelled=True)
    for join in ("later", "union"):
        np.testing.assert_array_equal(masks_of(tmp_path, join=join)["a"], half(1))


def test_a_later_mask_covers_an_earlier_one_and_a_union_is_one_foreground(tmp_path):
    both = {"images/a.png": picture("a"), "masks/a_mask_1.png": half(1), "masks/a_mask_2.png": np.full_like(half(1), 2)}
    write_tree(tmp_path, both)
    (tmp_path / "classes.yaml").write_text("names: [ground, one, two]\nvalues: {0: 0, 1: 1, 2: 2}\n")
    classes = str(tmp_path / "classes.yaml")
    assert (masks_of(tmp_path, classes=classes)["a"] == 2).all()
    assert (masks_of(tmp_path, classes=classes, join="union")["a"] == 1).all()
    assert (masks_of(tmp_path, join="union")["a"] == 1).all()


@pytest.mark.parametrize("other", ["{}_L.png", "truth_{}.png", "{}.lesion_v2.tif"])
def test_where_masks_are_missing_the_error_says_where_it_looked_and_what_lies_there(tmp_path, other):
    write_tree(tmp_path, {"images/0001.png": picture("a"), f"masks/{other.format('0001')}": drawn("a")})
    with pytest.raises(UserError, match=r"1 image has no mask .*looked in masks/ .*_mask, .*_lesion") as error:
        find_dataset(tmp_path, labelled=True)
    assert f"it holds {other.format('0001')}" in str(error.value)
    patterns = Patterns("images/{stem}.*", f"masks/{other.format('{stem}')}")
    assert f"--images '{patterns.images}' --masks '{patterns.masks}'" in str(error.value)
    np.testing.assert_array_equal(masks_of(tmp_path, patterns=patterns)["images/0001"], drawn("a", 1))


@pytest.mark.parametrize(("image", "mask"), [("image{}", "mask{}"), ("img_{}", "label{}"), ("{}", "seg{}")])
def test_a_word_and_a_number_need_nothing_between_them(tmp_path, image, mask):
    files = {f"images/{image.format(i)}.png": picture(str(i)) for i in (1, 12)}
    write_tree(tmp_path, files | {f"masks/{mask.format(i)}.png": drawn(str(i)) for i in (1, 12)})
    found = masks_of(tmp_path)
    for i in (1, 12):
        np.testing.assert_array_equal(found[image.format(i)], drawn(str(i), 1))


def test_no_pattern_is_given_that_fits_few_masks(tmp_path):
    files = {f"images/{i}.png": picture(str(i)) for i in range(4)}
    write_tree(tmp_path, files | {f"masks/{i:03}.png": drawn(str(i)) for i in range(4)})
    with pytest.raises(UserError, match=r"it holds 000\.png, .*or say where masks lie with --images and --masks$"):
        find_dataset(tmp_path, labelled=True)


def test_a_pattern_may_find_outlines_of_yolo(tmp_path):
    write_tree(tmp_path, {"train0.jpg": picture("train0")})
    (tmp_path / "train0.txt").write_text(f"0 {' '.join(map(str, corners('train0', 1)))}\n")
    found = masks_of(tmp_path, patterns=Patterns("*.jpg", "{stem}.txt"))
    np.testing.assert_array_equal(found["train0"], drawn("train0", 1))


@pytest.mark.parametrize("suffix", [".mat", ".json", ".png.bak"])
def test_files_of_other_types_that_lie_among_masks_are_named(tmp_path, suffix):
    write_tree(tmp_path, {"images/a.png": picture("a"), "images/b.png": picture("b"), "masks/a.png": drawn("a")})
    (tmp_path / f"masks/b{suffix}").write_bytes(b"x")
    with pytest.raises(UserError, match=rf"1 image has no mask .* of types that are not read it holds b\{suffix}:"):
        find_dataset(tmp_path, labelled=True)


def test_names_are_compared_however_their_accents_are_written(tmp_path):
    one, two = (unicodedata.normalize(form, "caf\u00e9 \u1e9b\u0323") for form in ("NFC", "NFD"))
    assert one != two
    write_tree(tmp_path, {f"images/{one}.png": picture("a"), f"masks/{two}.png": drawn("a")})
    (tmp_path / "splits.csv").write_text(f"stem,split\n{two},val\n", encoding="utf-8")
    (sample,) = find_dataset(tmp_path, labelled=True).samples
    assert (sample.key, sample.split) == (one, "val")


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        ("*/t1.png", "{parent}/seg.png"),
        ("**/t1.*", "{parent}/seg.png"),
        ("{stem}/t1.png", "{stem}/seg.png"),
        ("{parent}/t?.png", "{parent}/s*.png"),
    ],
)
def test_patterns_pair_files_that_no_name_would(tmp_path, images, masks):
    write_tree(tmp_path, {f"{name}/{kind}.png": drawn(name) for name in "ab" for kind in ("t1", "seg", "other")})
    found = masks_of(tmp_path, patterns=Patterns(images, masks))
    assert list(found) == ["a/t1", "b/t1"]
    np.testing.assert_array_equal(found["b/t1"], drawn("b", 1))


def test_patterns_tell_masks_from_images_of_the_same_name(tmp_path):
    write_tree(tmp_path, {"x.jpg": picture("x"), "x.png": drawn("x"), "y.jpg": picture("y"), "y.png": drawn("y")})
    with pytest.raises(UserError, match=r"differ in their suffix alone.*--images and --masks"):
        find_dataset(tmp_path, labelled=True)
    for patterns in (Patterns("*.jpg", "*.png"), Patterns("**/*", "{stem}.png")):
        assert list(masks_of(tmp_path, patterns=patterns)) == ["x", "y"]
        assert [sample.key for sample in find_dataset(tmp_path, labelled=False, patterns=patterns).samples] == [
            "x",
            "y",
        ]


@pytest.mark.parametrize(
    ("images", "masks", "said"),
    [
        ("", "*.png", r"--masks \*.png needs --images"),
        ("*/t1.png", "*/seg.png", r"several images of one \{stem\}: a/t1.png; add their folder, \{parent\}"),
        ("*/t1.png", "{parent}/no.png", r"2 images have no mask .*--masks \{parent\}/no.png finds 0 files"),
        ("none/*.png", "{stem}.png", "holds no images"),
        ("a/*.png", "{stem}{stem}.png", r"holds \{stem\} or \{parent\} twice"),
        ("a/t1.png", "{parent}/s*.png", r"1 mask has no image .*b/seg.png"),
    ],
)
def test_patterns_that_pair_nothing_are_refused(tmp_path, images, masks, said):
    write_tree(tmp_path, {f"{name}/{kind}.png": drawn(name) for name in "ab" for kind in ("t1", "seg")})
    with pytest.raises(UserError, match=said):
        find_dataset(tmp_path, labelled=True, patterns=Patterns(images, masks))
