"""How a file says that it is to be turned."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from common.data.turned import orientation, stored_orientation


def png(*, tag: int = 1, xmp: str = "", behind: bool = False) -> bytes:
    exif, text, file = Image.Exif(), PngImagePlugin.PngInfo(), io.BytesIO()
    exif[0x0112] = tag
    if xmp:
        text.add_itxt("XML:com.adobe.xmp", xmp)
    picture = Image.fromarray(np.zeros((4, 6, 3), np.uint8))
    picture.save(file, "PNG", pnginfo=text, **({} if behind or tag == 1 else {"exif": exif}))
    if not behind:
        return file.getvalue()
    kind, content = b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    return file.getvalue()[:-12] + chunk + file.getvalue()[-12:]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (png(), 1),
        (png(tag=6), 6),
        (png(tag=3, behind=True), 3),
        (png(xmp='<x tiff:Orientation="8"/>'), 8),
        (b"\x89PNG and no more", 1),
    ],
)
def test_a_png_file_says_so_before_or_behind_its_pixels(data, expected):
    assert stored_orientation(data) == expected
    if len(data) > 20:
        assert orientation(Image.open(io.BytesIO(data))) == expected


def test_pixels_of_a_png_file_without_a_tag_are_not_decoded(monkeypatch):
    def refuse(self):
        raise AssertionError("the pixels are decoded")

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", refuse)
    assert stored_orientation(png()) == 1
