"""Images that are none, or none that anybody could have meant."""

import io
import struct
import zlib

import numpy as np
from datasets import photo
from PIL import Image
from zoo.row import DATA, PREDICT, Row, text, with_file


def encoded(array: np.ndarray | Image.Image, form: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image = array if isinstance(array, Image.Image) else Image.fromarray(array)
    image.save(file, form, **options)
    return file.getvalue()


def chunk(kind: bytes, content: bytes, crc: int | None = None) -> bytes:
    check = zlib.crc32(kind + content) if crc is None else crc
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def png(width: int, height: int, rows: bytes = b"\0", crc: int | None = None) -> bytes:
    """A grey PNG that says to be so large, whatever its rows are."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 1), crc) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def half(form: str, share: float) -> bytes:
    whole = encoded(photo(1, height=64, width=64), form)
    return whole[: int(len(whole) * share)]


def bomb() -> bytes:
    """13,400 x 13,400 black pixels, a few more than are read, in 800 kB."""
    return png(13_400, 13_400, bytes(13_400 * 13_401))


def flipped() -> bytes:
    """A PNG with one bit of its pixels changed."""
    whole = bytearray(encoded(photo(1)))
    whole[len(whole) // 2] ^= 1
    return bytes(whole)


KINDS = {
    "empty": b"",
    "one byte": b"\x89",
    "PNG of 10 %": half("PNG", 0.1),
    "PNG of 50 %": half("PNG", 0.5),
    "JPEG of 10 %": half("JPEG", 0.1),
    "WebP of 50 %": half("WEBP", 0.5),
    "a text": b"This is a picture of a cat.\n",
    "a page": b"<html><body>404 not found</body></html>",
    "another magic": b"\x88PNG\r\n\x1a\n" + encoded(photo(1))[8:],
    "magic alone": b"\x89PNG\r\n\x1a\n",
    "zeros": bytes(5000),
    "0 x 0": png(0, 0, b""),
    "0 wide": png(0, 16, b"\0" * 16),
    "declared 100,000 x 100,000": png(100_000, 100_000),
    "declared 2,147,483,647 wide": png(2**31 - 1, 1),
    "wrong check sum": png(16, 16, bytes(16 * 17), crc=1),
    "a bit flipped": flipped(),
    "too few rows": png(64, 64, bytes(65 * 3)),
    "a PDF": b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n",
    "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "a pickle": b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x02os",
    "an array of NumPy": b"\x93NUMPY\x01\x00v\x00{'descr': '|u1', 'fortran_order': False, 'shape': (4, 4)}",
    "Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
}

UNUSED = ("out", "out/predict.json")
"""What stays of a prediction of which no image can be read: the record of the call."""
AT_ONCE = ("empty", "declared 100,000 x 100,000")
"""What is seen before anything is written."""
IN_PREDICT = ("empty", "JPEG of 10 %", "a text", "0 x 0", "declared 100,000 x 100,000", "a bit flipped", "a PDF", "SVG")

ROWS = [
    *(
        Row(f"train on {kind}", with_file("images/3.png", held), "transfer", DATA, "images/3.png")
        for kind, held in KINDS.items()
    ),
    *(
        Row(
            f"predict {kind}",
            text("bad.png", KINDS[kind]),
            "predict",
            [*PREDICT, "--input", "bad.png"],
            "bad.png" if kind in AT_ONCE else "of 1 image none can be read",
            leaves=() if kind in AT_ONCE else UNUSED,
        )
        for kind in IN_PREDICT
    ),
    Row("train on a bomb", with_file("images/3.png", bomb), "transfer", DATA, "images/3.png"),
]
