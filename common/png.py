"""PNG files of pictures that come a few rows at a time, so that a large one is never in memory as a whole."""

import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

SIGNATURE = b"\x89PNG\r\n\x1a\n"
RGB, LEFT = 2, 1
"""Codes of the colour type, and of the filter by which a pixel is told as the difference to the one on its left."""


def write_png(path: Path, strips: Iterable[UInt8[np.ndarray, "_ w 3"]], height: int, width: int) -> None:
    """Write strips of rows, which together are an RGB picture, from the top on.

    Source: ISO/IEC 15948, Portable Network Graphics. Raises OSError when it can't be written.
    """
    deflate = zlib.compressobj(level=1)
    size = b"".join(side.to_bytes(4, "big") for side in (width, height))
    with path.open("wb") as file:
        file.write(SIGNATURE + _chunk(b"IHDR", size + bytes([8, RGB, 0, 0, 0])))
        for strip in strips:
            file.write(_chunk(b"IDAT", deflate.compress(_filtered(strip).data)))
        file.write(_chunk(b"IDAT", deflate.flush()) + _chunk(b"IEND", b""))


def _filtered(strip: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h bytes"]:
    rows = np.full((len(strip), 1 + strip[0].size), LEFT, np.uint8)
    rows[:, 1:] = strip.reshape(len(strip), -1)
    rows[:, 4:] -= strip[:, :-1].reshape(len(strip), -1)
    return rows


def _chunk(kind: bytes, content: bytes) -> bytes:
    """A part of the file: its length, kind and content, and a checksum of the last two."""
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")
