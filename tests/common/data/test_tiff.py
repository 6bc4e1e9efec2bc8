"""TIFF files as microscopes and satellites write them: every way to store bands is read rightly, or refused by name."""

import itertools

import cv2
import numpy as np
import pytest
from datasets import photo

from common.data.decode import read_image
from common.data.deep import scaled
from common.data.lost import lost_in
from common.data.masks.file import read_mask_file
from common.data.opened import BadFileError
from common.data.values import ValueTable
from common.errors import UserError

tifffile = pytest.importorskip("tifffile")
KINDS = {"uint8": np.uint8, "uint16": np.uint16, "int16": np.int16, "float32": np.float32}
SEVERAL = {"grey and alpha": 2, "rgb": 3, "rgb and alpha": 4, "rgb and another": 4, "rgb and two others": 5}
EXTRA = {"grey and alpha": ["unassalpha"], "rgb and alpha": ["unassalpha"], "rgb and another": ["unspecified"]}
MASK = np.pad(np.full((20, 30), 255, np.uint8), 8)


def bands(count: int, kind: str) -> np.ndarray:
    """Bands that all differ."""
    picture = np.stack([photo(band)[..., band % 3] for band in range(count)], axis=-1)
    return picture.astype(KINDS[kind]) * (100 if kind.endswith("16") else 1)


def write(path, image: np.ndarray, *, apart: bool = False, **options):
    planes = np.ascontiguousarray(np.moveaxis(image, -1, 0) if apart else image)
    tifffile.imwrite(path, planes, planarconfig="separate" if apart else "contig", **options)
    return path


@pytest.mark.parametrize(("kind", "name", "apart"), [*itertools.product(KINDS, SEVERAL, [False, True])])
def test_bands_are_read_in_their_order_however_they_lie_or_refused_by_name(kind, name, apart, tmp_path):
    image = bands(SEVERAL[name], kind)
    colours = "minisblack" if name == "grey and alpha" else "rgb"
    extra = EXTRA.get(name, ["unspecified"] * (SEVERAL[name] - 3))
    for options in ({}, {"compression": "zlib"}, {"tile": (16, 16)}, {"byteorder": ">"}):
        path = write(tmp_path / "x.tif", image, apart=apart, photometric=colours, extrasamples=extra or None, **options)
        depth = (0, 25_500) if kind.endswith("16") else (0, 255)
        if not apart and kind != "uint8" and name in ("grey and alpha", "rgb and two others"):
            with pytest.raises(BadFileError, match=r"x\.tif"):
                read_image(path, depth=depth)
            continue
        found = read_image(path, depth=depth)
        np.testing.assert_array_equal(found, scaled(image[..., :3] if colours == "rgb" else image[..., [0] * 3], depth))


def test_four_bands_of_8_bits_are_four_channels_also_where_the_fourth_is_not_told_to_be_transparency(tmp_path):
    for apart in (False, True):
        image = bands(4, "uint8")
        path = write(tmp_path / "x.tif", image, apart=apart, photometric="rgb", extrasamples=["unspecified"])
        np.testing.assert_array_equal(read_image(path, 4), image)
        assert lost_in(path.read_bytes(), 4) == ()
        assert lost_in(path.read_bytes(), 3) == ("bands",)


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize(
    ("kind", "count"), [("uint8", 2), ("uint16", 2), ("uint16", 5), ("float32", 4), ("float32", 13)]
)
def test_bands_that_are_neither_colours_nor_transparency_are_counted_and_refused(kind, count, apart, tmp_path):
    path = write(tmp_path / "x.tif", bands(count, kind), apart=apart, photometric="minisblack")
    with pytest.raises(BadFileError, match=rf"x\.tif holds {count} bands, of which one would be read: save them as"):
        read_image(path)


@pytest.mark.parametrize("kind", ["int8", "int32", "uint32", "int64", "float64", "uint16"])
def test_masks_of_all_kinds_of_numbers_are_read(kind, tmp_path):
    tifffile.imwrite(tmp_path / "m.tif", (MASK // 2).astype(kind), photometric="minisblack")
    np.testing.assert_array_equal(read_mask_file(tmp_path / "m.tif", ValueTable({0: 0, 127: 1})).numbers, MASK // 2)


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize(("kind", "high"), [(np.uint8, 255), (np.uint16, 255), (np.uint16, 2**16 - 1)])
def test_coloured_masks_are_read_however_their_bands_lie(apart, kind, high, tmp_path):
    red = np.stack([MASK // 255, 0 * MASK, 0 * MASK], axis=-1).astype(kind) * high
    path = write(tmp_path / "m.tif", red, apart=apart, photometric="rgb")
    table = ValueTable({"#000000": 0, "#ff0000": 1})
    np.testing.assert_array_equal(table.apply(read_mask_file(path, table).numbers), MASK // 255)


@pytest.mark.parametrize("apart", [False, True])
def test_colours_between_those_of_8_bits_are_refused(apart, tmp_path):
    image = np.zeros((20, 30, 3), np.uint16)
    image[..., 0] = 300
    path = write(tmp_path / "m.tif", image, apart=apart, photometric="rgb")
    with pytest.raises(UserError, match=r"m\.tif has colours of more than 8 bits"):
        read_mask_file(path, ValueTable({"#000000": 0, "#ff0000": 1}))


@pytest.mark.parametrize("apart", [False, True])
def test_a_mask_of_several_bands_is_refused_with_their_number(apart, tmp_path):
    path = write(tmp_path / "m.tif", np.stack([MASK] * 2, axis=-1), apart=apart, photometric="minisblack")
    with pytest.raises(UserError, match=r"m\.tif holds 2 bands, and a mask has one"):
        read_mask_file(path, ValueTable({0: 0, 255: 1}))


def test_a_mask_that_stores_white_as_zero_is_read_as_it_looks_with_a_note(tmp_path):
    tifffile.imwrite(tmp_path / "m.tif", MASK, photometric="miniswhite")
    found = read_mask_file(tmp_path / "m.tif", ValueTable({0: 0, 255: 1}))
    assert found.lost == {"white"}
    np.testing.assert_array_equal(found.numbers, 255 - MASK)


def test_a_file_of_large_offsets_is_read_like_others(tmp_path):
    image = bands(3, "uint16")
    for apart in (False, True):
        path = write(tmp_path / "x.tif", image, apart=apart, photometric="rgb", bigtiff=True)
        np.testing.assert_array_equal(read_image(path, depth=(0, 25_500)), scaled(image, (0, 25_500)))


def test_a_page_and_a_turned_file_of_bands_apart_are_read(tmp_path):
    image = bands(3, "uint16")
    with tifffile.TiffWriter(tmp_path / "x.tif") as file:
        for page in (image[::-1], image):
            file.write(
                np.ascontiguousarray(np.moveaxis(page, -1, 0)),
                photometric="rgb",
                planarconfig="separate",
                extratags=[(274, 3, 1, 6, True)],
            )
    found = read_image(tmp_path / "x.tif", depth=(0, 25_500), page=1)
    np.testing.assert_array_equal(found, scaled(np.rot90(image, -1), (0, 25_500)))


def test_what_is_no_tiff_has_no_bands(tmp_path):
    assert cv2.imwrite(str(tmp_path / "x.png"), photo())
    data = (tmp_path / "x.png").read_bytes()
    assert lost_in(data) == lost_in(b"II*\0" + bytes(40)) == lost_in(b"MM\0+") == ()
