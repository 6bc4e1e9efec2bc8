import io
import re
from base64 import b64decode

import cv2
import numpy as np
import pytest
from datasets import photo
from heic_files import TURNED, UPRIGHT
from PIL import Image

from common.data.decode import read_image
from common.data.fitting import resize_image, resize_mask
from common.data.listing import list_images
from common.data.masks.file import ColouredMaskError, read_mask_file
from common.data.opened import BadFileError
from common.data.values import ValueTable
from common.errors import UserError

PICTURE = photo(3, height=48, width=64)
GREY = np.repeat(PICTURE[..., :1], 3, axis=2)


def read_mask(path):
    return read_mask_file(path, ValueTable({"rest": 0})).numbers


def encoded(array, file_format, mode=None, **options):
    buffer = io.BytesIO()
    picture = Image.fromarray(array)
    (picture.convert(mode) if mode else picture).save(buffer, file_format, **options)
    return buffer.getvalue()


def sixteen_bit_png(array):
    return cv2.imencode(".png", array[..., ::-1].astype(np.uint16) * 257)[1].tobytes()


def written(tmp_path, data, name="bild \u00e4\u732b.jpg"):
    path = tmp_path / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("data", "expected", "tolerance"),
    [
        (encoded(PICTURE, "PNG"), PICTURE, 0),
        (encoded(PICTURE, "BMP"), PICTURE, 0),
        (encoded(PICTURE, "TIFF"), PICTURE, 0),
        (encoded(PICTURE, "TIFF", compression="tiff_lzw"), PICTURE, 0),
        (encoded(PICTURE, "WEBP", lossless=True), PICTURE, 0),
        (encoded(PICTURE, "PNG", "RGBA"), PICTURE, 0),
        (sixteen_bit_png(PICTURE), PICTURE, 0),
        (encoded(GREY, "PNG", "L"), GREY, 0),
        (encoded(PICTURE, "GIF"), PICTURE, 12),
        (encoded(PICTURE, "JPEG", quality=95), PICTURE, 4),
        (encoded(PICTURE, "JPEG", quality=95, progressive=True), PICTURE, 4),
        (encoded(PICTURE, "JPEG", quality=95) + b"trailing bytes", PICTURE, 4),
        (encoded(PICTURE, "JPEG", "CMYK", quality=95), PICTURE, 6),
        (encoded(GREY, "JPEG", "L", quality=95), GREY, 4),
    ],
    ids=[
        "png",
        "bmp",
        "tiff",
        "lzw",
        "webp",
        "rgba",
        "16bit",
        "greypng",
        "gif",
        "jpeg",
        "progressive",
        "trailing",
        "cmyk",
        "greyjpeg",
    ],
)
def test_the_content_of_a_file_counts_and_not_its_suffix(tmp_path, data, expected, tolerance):
    image = read_image(written(tmp_path, data))
    assert image.shape == expected.shape
    assert np.abs(image.astype(int) - expected).mean() <= tolerance


def test_an_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[274] = 6  # shown turned by 90 degrees clockwise
    image = read_image(written(tmp_path, encoded(PICTURE, "JPEG", quality=95, exif=exif)))
    assert np.abs(image.astype(int) - np.rot90(PICTURE, -1)).mean() < 4


TYPES = {
    ".avif": {"format": "AVIF", "quality": 95},
    ".j2k": {"format": "JPEG2000"},
    ".jfif": {"format": "JPEG", "quality": 95},
    ".jp2": {"format": "JPEG2000"},
    ".jpe": {"format": "JPEG", "quality": 95},
    ".pgm": {"format": "PPM"},
    ".ppm": {"format": "PPM"},
}


@pytest.mark.parametrize("suffix", TYPES)
def test_images_of_rarer_types_are_listed_and_read(tmp_path, suffix):
    picture = Image.fromarray(GREY[..., 0] if suffix == ".pgm" else PICTURE)
    picture.save(tmp_path / f"a{suffix.upper()}", **TYPES[suffix])
    (path,) = list_images(tmp_path).files.values()
    image = read_image(path)
    assert np.abs(image.astype(int) - (GREY if suffix == ".pgm" else PICTURE)).mean() < 4
    assert read_image(path, 1).shape == (48, 64, 1)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(BadFileError, match="cannot read"):
        read_image(path)


@pytest.mark.parametrize("suffix", [".avif", ".jfif"])
def test_images_of_rarer_types_are_turned_as_their_tag_says(tmp_path, suffix):
    exif = Image.Exif()
    exif[274] = 6
    path = tmp_path / f"a{suffix}"
    Image.fromarray(PICTURE).save(path, exif=exif.tobytes(), **TYPES[suffix])
    turned = np.rot90(PICTURE, -1)
    assert np.abs(read_image(path).astype(int) - turned).mean() < 4


@pytest.mark.parametrize(("content", "blue"), [(UPRIGHT, np.s_[:, :8]), (TURNED, np.s_[:8])])
def test_a_heic_file_is_read_and_turned(tmp_path, content, blue):
    pytest.importorskip("pi_heif")
    (tmp_path / "a.heic").write_bytes(b64decode(content))
    (path,) = list_images(tmp_path).files.values()
    image = read_image(path).astype(int)
    expected = np.full(image.shape, (200, 60, 20))
    expected[blue] = (20, 60, 200)
    assert sorted(image.shape) == [3, 12, 16]
    assert np.abs(image - expected).mean() < 8
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(BadFileError, match="cannot read"):
        read_image(path)


def test_a_photograph_of_an_iphone_is_counted_where_nothing_reads_it(tmp_path):
    for name in ("a.jpg", "b.heic", "c.HEIF", "d.dcm", "e.jxl"):
        (tmp_path / name).touch()
    assert list(list_images(tmp_path, (".bmp", ".jpg")).files) == ["a"]
    assert [reason.split(" (")[1] for reason in list_images(tmp_path, (".bmp", ".jpg")).passed_over] == [
        "needs pip install pi-heif)", "needs pip install pi-heif)", "of a type that is not read)",
        "of a type that is not read)",
    ]  # fmt: skip


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "GIF", "BMP", "WEBP"])
def test_truncated_files_are_refused_by_name(tmp_path, capfd, file_format, share):
    data = encoded(photo(3, height=200, width=300), file_format)
    path = written(tmp_path, data[: int(share * len(data))])
    for read in (read_image, read_mask):
        with pytest.raises(BadFileError, match=re.escape(str(path))):
            read(path)
    assert capfd.readouterr() == ("", "")


def test_a_file_damaged_inside_is_refused(tmp_path):
    data = bytearray(encoded(PICTURE, "PNG"))
    data[20:60] = bytes(40)
    with pytest.raises(BadFileError, match="cannot read"):
        read_image(written(tmp_path, bytes(data)))


@pytest.mark.parametrize("read", [read_image, read_mask])
def test_what_is_not_an_image_is_refused_by_name(tmp_path, read):
    with pytest.raises(BadFileError, match=r"text\.jpg"):
        read(written(tmp_path, b"this is a text", "text.jpg"))
    with pytest.raises(BadFileError, match=r"gone\.jpg: No such file"):
        read(tmp_path / "gone.jpg")


VALUES = np.arange(256, dtype=np.uint8).reshape(16, 16)


def test_mask_values_are_the_file_s_own(tmp_path):
    palette = Image.fromarray(VALUES).convert("P")
    palette.putpalette([(7 * i) % 256 for i in range(768)])
    buffer = io.BytesIO()
    palette.save(buffer, "PNG")
    files = {
        "grey": encoded(VALUES, "PNG"),
        "palette": buffer.getvalue(),
        "three equal channels": encoded(np.repeat(VALUES[..., None], 3, axis=2), "PNG"),
        "grey and transparency": encoded(VALUES, "PNG", "LA"),
        "16 bit": encoded(VALUES.astype(np.uint16), "PNG"),
    }
    for name, data in files.items():
        np.testing.assert_array_equal(read_mask(written(tmp_path, data)), VALUES, err_msg=name)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_palettes_of_few_bits_hold_their_indices(tmp_path, bits):
    values = VALUES % 2**bits
    palette = Image.fromarray(values).convert("P")
    palette.putpalette([(7 * i) % 256 for i in range(3 * 2**bits)])
    buffer = io.BytesIO()
    palette.save(buffer, "PNG", bits=bits)
    data = buffer.getvalue()
    assert data[24] == bits, "the file's bit depth"
    np.testing.assert_array_equal(read_mask(written(tmp_path, data)), values)


def test_a_one_bit_mask_holds_zero_and_one(tmp_path):
    data = encoded(np.where(VALUES > 99, 255, 0).astype(np.uint8), "PNG", "1")
    np.testing.assert_array_equal(read_mask(written(tmp_path, data)), VALUES > 99)


def test_coloured_masks_and_large_values_are_refused_by_name(tmp_path):
    with pytest.raises(ColouredMaskError, match=r"m\.png is a colour picture"):
        read_mask(written(tmp_path, encoded(PICTURE, "PNG"), "m.png"))
    with pytest.raises(UserError, match=r"m\.tif holds values from -1.* to 254"):
        read_mask(written(tmp_path, encoded(VALUES.astype(np.int32) - 1, "TIFF"), "m.tif"))


def test_shrinking_averages_areas():
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    means = image.reshape(16, 4, 16, 4, 3).mean(axis=(1, 3))
    assert np.abs(resize_image(image, 16) - means).max() <= 0.5 + 1e-6


def test_a_side_that_shrinks_is_averaged_also_when_the_other_one_grows():
    stripes = np.zeros((8, 320, 3), dtype=np.uint8)
    stripes[:, ::2] = 200
    assert np.unique(resize_image(stripes, 32)).tolist() == [100]


def test_growing_interpolates_and_keeps_the_size_when_it_fits():
    image = np.zeros((2, 2, 3), dtype=np.uint8)
    image[:, 1] = 100
    assert resize_image(image, 4)[0, :, 0].tolist() == [0, 25, 75, 100]
    np.testing.assert_array_equal(resize_image(PICTURE[:48, :48], 48), PICTURE[:48, :48])


@pytest.mark.parametrize(("height", "width", "size"), [(40, 50, 32), (31, 77, 64), (9, 9, 27)])
def test_masks_take_the_value_under_each_pixel_s_centre(height, width, size):
    mask = np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)
    rows = ((2 * np.arange(size) + 1) * height) // (2 * size)
    columns = ((2 * np.arange(size) + 1) * width) // (2 * size)
    np.testing.assert_array_equal(resize_mask(mask, size), mask[rows][:, columns])


def test_an_image_can_be_read_as_grey_values_or_with_four_channels_of_its_own(tmp_path):
    grey = read_image(written(tmp_path, encoded(PICTURE, "PNG")), 1)
    expected = PICTURE @ np.array([0.299, 0.587, 0.114])
    assert grey.shape == (48, 64, 1)
    assert np.abs(grey[..., 0] - expected).max() < 1.5
    four = np.concatenate([PICTURE, PICTURE[..., :1] // 2], axis=2)
    assert np.array_equal(read_image(written(tmp_path, encoded(four, "PNG")), 4), four)
    assert np.array_equal(read_image(written(tmp_path, encoded(four, "TIFF")), 4), four)


@pytest.mark.parametrize("data", [encoded(PICTURE, "PNG"), sixteen_bit_png(PICTURE), encoded(GREY, "PNG", "L")])
def test_a_file_without_four_channels_is_refused_where_four_are_wanted(data, tmp_path):
    with pytest.raises(BadFileError, match="not 4 "):
        read_image(written(tmp_path, data), 4)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "TIFF", "WEBP", "BMP", "PPM", "GIF"])
@pytest.mark.parametrize("name", ["x.png", "bild \u00e4\u732b", "caf\udce9", "two\nlines"])
def test_a_large_file_is_read_by_its_name_to_the_same_bits(tmp_path, monkeypatch, file_format, name):
    tag = Image.Exif()
    tag[0x0112] = 6
    path = written(tmp_path, encoded(PICTURE, file_format, **({"exif": tag} if file_format == "JPEG" else {})), name)
    images = [read_image(path, channels) for channels in (1, 3)]
    monkeypatch.setattr("common.data.decode.LARGE", 0)
    assert all(np.array_equal(image, read_image(path, image.shape[2])) for image in images)
    path.write_bytes(path.read_bytes()[: len(path.read_bytes()) // 2])
    with pytest.raises(BadFileError):
        read_image(path)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP"])
def test_one_limit_of_pixels_holds_for_images_and_masks(tmp_path, monkeypatch, file_format):
    options = {"lossless": True} if file_format == "WEBP" else {}
    path = written(tmp_path, encoded(GREY, file_format, **options))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", PICTURE[..., 0].size / 2)
    assert read_image(path).shape == PICTURE.shape
    assert read_mask(path).shape == PICTURE.shape[:2]
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", PICTURE[..., 0].size / 2 - 1)
    for read in (read_image, read_mask):
        with pytest.raises(BadFileError, match=re.escape(str(path)) + ": its 3,072 pixels are more than 3,070"):
            read(path)
