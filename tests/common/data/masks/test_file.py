"""Mask files of every kind, read as the numbers by which their classes are told."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.data.classes import BINARY
from common.data.masks.file import ColouredMaskError, read_mask_file
from common.data.masks.labels import UnknownValuesError, read_labels
from common.data.masks.mask import Frame, MaskFile
from common.data.opened import BadFileError
from common.data.values import ValueTable
from common.errors import UserError

SIZE = (12, 16)
SHAPE = np.zeros(SIZE, np.uint8)
SHAPE[3:9, 4:12] = 1
COLOURED = {"#000000": 0, "#ff0000": 1, "#00ff00": 255}


def saved(path, array, mode=None, palette=None, **options):
    picture = array if isinstance(array, Image.Image) else Image.fromarray(np.asarray(array), mode)
    if palette is not None:
        picture = picture.convert("P")
        picture.putpalette(palette)
    picture.save(path, **options)
    return path


def classes_in(path, values=BINARY.values, *, turned=1, size=SIZE):
    return read_labels(MaskFile(path), values, Frame(Path("image.jpg"), *size, turned=turned))


BLACK, WHITE, RED, BLUE = [0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 0, 255]


@pytest.mark.parametrize("palette", [BLACK + WHITE, WHITE + BLACK])
@pytest.mark.parametrize("ending", ["png", "gif", "tif", "bmp"])
def test_black_and_white_are_what_they_look_like_whatever_their_index(tmp_path, palette, ending):
    indices = SHAPE if palette[0] == 0 else 1 - SHAPE
    path = saved(tmp_path / f"m.{ending}", indices, palette=palette)
    np.testing.assert_array_equal(classes_in(path).classes, SHAPE)
    own = {0: 0, 255: 1}
    np.testing.assert_array_equal(classes_in(path, own).classes, SHAPE)
    if ending == "png":
        np.testing.assert_array_equal(classes_in(path, {0: 0, 1: 1}).classes, indices)


def test_indices_of_other_palettes_are_the_values_and_colours_where_the_classes_name_some(tmp_path):
    path = saved(tmp_path / "m.png", SHAPE * 2, palette=BLUE + BLACK + RED)
    np.testing.assert_array_equal(classes_in(path, {0: 0, 2: 1}).classes, SHAPE)
    np.testing.assert_array_equal(classes_in(path, {"#0000ff": 0, "#ff0000": 1}).classes, SHAPE)


@pytest.mark.parametrize("ending", ["png", "tif", "bmp", "webp"])
def test_colours_are_told_by_a_table(tmp_path, ending):
    colours = np.array([[0, 0, 0], [255, 0, 0]], np.uint8)[SHAPE]
    path = saved(tmp_path / f"m.{ending}", colours, **({"lossless": True} if ending == "webp" else {}))
    np.testing.assert_array_equal(classes_in(path, COLOURED).classes, SHAPE)
    with pytest.raises(ColouredMaskError, match=r"is a colour picture"):
        classes_in(path)
    colours[0, 0] = 10, 20, 30
    saved(path, colours, **({"lossless": True} if ending == "webp" else {}))
    with pytest.raises(UnknownValuesError, match="holds the colours #0a141e, but the classes map only"):
        classes_in(path, COLOURED)
    assert classes_in(path, {**COLOURED, "rest": 255}).classes[0, 0] == 255


def test_grey_values_have_a_colour_too(tmp_path):
    path = saved(tmp_path / "m.png", SHAPE * 255)
    np.testing.assert_array_equal(classes_in(path, {"#000000": 0, "#ffffff": 1}).classes, SHAPE)
    np.testing.assert_array_equal(classes_in(path, {"#0000ff": 2, 0: 0, 255: 1}).classes, SHAPE)
    deep = saved(tmp_path / "d.png", SHAPE.astype(np.uint16) * 300)
    with pytest.raises(UnknownValuesError):
        classes_in(deep, {"#000000": 0, "#ffffff": 1})


@pytest.mark.parametrize(
    ("kind", "ending"), [(np.uint16, "png"), (np.uint16, "tif"), (np.int32, "tif"), (np.int64, "npy")]
)
def test_instance_numbers_of_any_depth_are_told_by_ranges_and_the_rest(tmp_path, kind, ending):
    numbers = SHAPE.astype(kind) * np.arange(1, 1 + SHAPE.size).reshape(SIZE).astype(kind) * 300
    path = tmp_path / f"m.{ending}"
    np.save(path, numbers) if ending == "npy" else saved(path, numbers.astype(kind))
    for values in ({0: 0, "rest": 1}, {0: 0, "1-65535": 1}):
        np.testing.assert_array_equal(classes_in(path, values).classes, SHAPE)
    with pytest.raises(UnknownValuesError, match="holds the values 15900"):
        classes_in(path)


@pytest.mark.parametrize("make", [lambda: SHAPE.astype(np.uint16) * 65535, lambda: SHAPE.astype(bool)])
def test_white_is_white_in_any_number_of_bits(tmp_path, make):
    path = saved(tmp_path / "m.png", make())
    for values in (BINARY.values, {0: 0, 255: 1}):
        np.testing.assert_array_equal(classes_in(path, values).classes, SHAPE)


@pytest.mark.parametrize("values", [{0: 0, 1: 1, 255: 255}, {0: 0, "rest": 1, 255: 255}])
def test_white_of_one_bit_is_no_255_that_is_ignored(tmp_path, values):
    path = saved(tmp_path / "m.png", SHAPE.astype(bool))
    np.testing.assert_array_equal(classes_in(path, values).classes, SHAPE)


def test_16_bits_in_three_equal_channels_keep_their_lower_half(tmp_path):
    import cv2

    numbers = SHAPE.astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / "m.png"), np.dstack([numbers, numbers, numbers]))
    np.testing.assert_array_equal(read_mask_file(tmp_path / "m.png", ValueTable({})).numbers, numbers)
    cv2.imwrite(str(tmp_path / "m.png"), np.dstack([numbers, numbers, numbers + 1]))
    with pytest.raises(UserError, match="colours of more than 8 bits"):
        classes_in(tmp_path / "m.png", COLOURED)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_a_mask_of_one_colour_is_its_transparency(tmp_path, mode):
    alpha = SHAPE * 255
    for shade in (0, 200):
        flat = np.full_like(alpha, shade)
        layers = [flat, flat, flat, alpha] if mode == "RGBA" else [flat, alpha]
        labels = classes_in(saved(tmp_path / "m.png", np.dstack(layers), mode))
        np.testing.assert_array_equal(labels.classes, SHAPE)
        assert labels.lost == {"alpha"}


def test_what_is_transparent_is_0_whatever_colour_it_hides(tmp_path):
    hidden = np.where(SHAPE == 1, 255, 90).astype(np.uint8)
    alpha = SHAPE * 255
    labels = classes_in(saved(tmp_path / "m.png", np.dstack([hidden, hidden, hidden, alpha]), "RGBA"))
    np.testing.assert_array_equal(labels.classes, SHAPE)
    opaque = np.full_like(alpha, 255)
    labels = classes_in(saved(tmp_path / "o.png", np.dstack([SHAPE, SHAPE, SHAPE, opaque]), "RGBA"))
    assert (labels.classes == SHAPE).all()
    assert labels.lost == frozenset()
    alpha[0, 0] = 100
    with pytest.raises(UserError, match=r"m\.png has half-transparent pixels"):
        classes_in(saved(tmp_path / "m.png", np.dstack([hidden, hidden, hidden, alpha]), "RGBA"))


BIG = np.roll(np.kron(SHAPE, np.ones((8, 8), np.uint8)), (3, 5), axis=(0, 1))
"""Its borders are inside the blocks of JPEG."""


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("options", [{"format": "JPEG", "quality": 60}, {"format": "WEBP"}])
def test_black_and_white_that_a_loss_blurred_is_cut_halfway(tmp_path, mode, options):
    picture = Image.fromarray(BIG * 255).convert(mode)
    picture.save(tmp_path / "m.png", **options)
    labels = classes_in(tmp_path / "m.png", size=BIG.shape)
    assert (labels.classes != BIG).mean() < 0.02
    assert labels.lost == {"lossy"}
    ranges = {"0-127": 0, "128-255": 1}
    assert classes_in(tmp_path / "m.png", ranges, size=BIG.shape).lost == frozenset()


@pytest.mark.parametrize("factor", [2, 40, 100])
def test_other_grey_values_that_a_loss_blurred_are_refused(tmp_path, factor):
    Image.fromarray(BIG * factor + 10).save(tmp_path / "m.jpg", quality=60)
    with pytest.raises(UserError, match=r"m\.jpg was saved with a loss .*values: \{0-99: 0"):
        classes_in(tmp_path / "m.jpg", size=BIG.shape)
    with pytest.raises(UserError, match=r"m\.jpg was saved with a loss"):
        classes_in(tmp_path / "m.jpg", {0: 0, 1: 1, 2: 2, 12: 1}, size=BIG.shape)


@pytest.mark.parametrize("shape", [SIZE, (1, *SIZE), (*SIZE, 1)])
@pytest.mark.parametrize("kind", [bool, np.uint8, np.int64, np.float32])
def test_an_array_is_a_mask(tmp_path, shape, kind):
    np.save(tmp_path / "m.npy", SHAPE.reshape(shape).astype(kind))
    np.testing.assert_array_equal(classes_in(tmp_path / "m.npy").classes, SHAPE)


def test_an_array_may_hold_colours(tmp_path):
    np.save(tmp_path / "m.npy", np.array([[0, 0, 0], [255, 0, 0]], np.uint8)[SHAPE])
    np.testing.assert_array_equal(classes_in(tmp_path / "m.npy", COLOURED).classes, SHAPE)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((2, 3, 4, 5)), r"shape \(2, 3, 4, 5\) and type float64"),
        (np.zeros((5, *SIZE), np.uint8), r"shape \(5, 12, 16\)"),
        (np.array([["a"]]), "type <U1"),
        (np.zeros(SIZE, complex), "type complex128"),
        (np.full(SIZE, np.nan), "holds values from nan"),
        (np.full(SIZE, -1), "holds values from -1"),
        (np.full(SIZE, 0.5), "holds values from 0.5"),
        (np.full(SIZE, 2**40), "holds values from 1099511627776"),
    ],
)
def test_an_array_that_is_no_mask_is_refused_by_name(tmp_path, array, said):
    np.save(tmp_path / "m.npy", array)
    with pytest.raises(UserError, match=rf"m\.npy.*{said}"):
        classes_in(tmp_path / "m.npy")


def test_a_damaged_array_and_one_of_objects_are_bad_files(tmp_path, monkeypatch):
    path = tmp_path / "m.npy"
    np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(BadFileError, match=r"m\.npy"):
        classes_in(path)
    np.save(path, SHAPE)
    for length in (7, 100, len(path.read_bytes()) - 5):
        path.write_bytes(path.read_bytes()[:length])
        with pytest.raises(BadFileError, match=r"m\.npy"):
            classes_in(path)
    np.save(path, SHAPE)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(BadFileError, match="its 192 pixels are more than 20"):
        classes_in(path)


def tagged(turned, array, ending="png"):
    exif = Image.Exif()
    exif[274] = turned
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, {"png": "PNG", "tif": "TIFF"}[ending], exif=exif)
    return buffer.getvalue()


@pytest.mark.parametrize("turned", [5, 6, 7, 8])
def test_a_mask_that_was_drawn_before_its_image_was_turned_is_turned_with_it(tmp_path, turned):
    path = saved(tmp_path / "m.png", SHAPE)
    labels = classes_in(path, turned=turned, size=SIZE[::-1])
    assert labels.lost == {"turned"}
    assert labels.classes.shape == SIZE[::-1]
    assert classes_in(path, turned=turned, size=SIZE).lost == frozenset()


@pytest.mark.parametrize(("turned", "size"), [(3, SIZE), (2, SIZE), (4, SIZE), (6, (12, 12)), (8, (12, 12))])
def test_a_mask_that_may_lie_either_way_is_refused(tmp_path, turned, size):
    path = saved(tmp_path / "m.png", np.zeros(size, np.uint8))
    with pytest.raises(BadFileError, match=rf"image\.jpg is turned .*orientation {turned}.*m\.png may be drawn before"):
        classes_in(path, turned=turned, size=size)


@pytest.mark.parametrize("ending", ["png", "tif"])
@pytest.mark.parametrize("turned", [2, 3, 6])
def test_a_mask_with_a_tag_of_its_own_is_turned_as_that_says(tmp_path, ending, turned):
    shape = SHAPE.copy()
    shape[0, 0] = 1
    (tmp_path / "m").write_bytes(tagged(turned, shape, ending))
    upright = {2: shape[:, ::-1], 3: shape[::-1, ::-1], 6: np.rot90(shape, -1)}[turned]
    for of_image in (1, turned):
        labels = classes_in(tmp_path / "m", turned=of_image, size=upright.shape)
        np.testing.assert_array_equal(labels.classes, upright)
