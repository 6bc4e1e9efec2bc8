"""The bands of a TIFF file: what its directory says of them, and one that lies apart from the others as a file."""

import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from common.words import counted

TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""How such a file begins, in the two orders of bytes, and with offsets of 32 or of 64 bits."""
BITS, COLOURS, BANDS, PLANES, EXTRA, FORMAT = 258, 262, 277, 284, 338, 339
PARTS = (273, 279, 324, 325)
"""Tags of where the strips or tiles of a picture lie, and how many bytes each has."""
KEPT = (256, 257, 259, 266, 274, 278, 317, 322, 323)
"""Tags that are the same for each band: sides, compression, orientation, sizes of strips and tiles."""
SHORTS = (BITS, 259, COLOURS, 266, 274, BANDS, 317, FORMAT)
GREYS, RGB = (0, 1), 2
NO_DATA = 42113
"""GDAL's tag of the number that stands where nothing was measured, as a text."""
KNOWN = {NO_DATA, BITS, COLOURS, BANDS, PLANES, EXTRA, FORMAT, *PARTS, *KEPT}
ALPHA = (1, 2)
STRAIGHT = 2
SIGNED = 2
APART = 2
ONE = (1,)
NUMBERS = {1: "B", 2: "B", 3: "H", 4: "L", 13: "L", 16: "Q", 18: "Q"}
"""Types of whole numbers, as `struct` has them; those of a text are its bytes."""


class Bands(NamedTuple):
    """What the directory of a TIFF file says of the values of a pixel."""

    number: int
    bits: int
    signed: bool
    colours: int
    """Grey where it is one of `GREYS`."""
    apart: bool
    """Whether each band lies by itself, and not all bands of a pixel together."""
    extra: tuple[int, ...]
    """What bands beyond grey or colours are, each `ALPHA` or not told."""
    no_data: float | None = None
    """What stands where nothing was measured; None where the file does not say."""

    def __str__(self) -> str:
        return f"{counted(self.number, 'band')} of {self.bits} bits"

    @property
    def with_alpha(self) -> bool:
        """Whether a band beyond grey or colours is transparency."""
        return any(kind in ALPHA for kind in self.extra)

    @property
    def unnamed(self) -> bool:
        """Whether there are several bands, and neither colours nor transparency say what they are."""
        return self.colours in GREYS and self.number > 1 and not (self.number == 2 and self.with_alpha)

    @property
    def multiplied_by_opencv(self) -> bool:
        """Whether OpenCV multiplies grey or colours by a transparency that they were not multiplied by."""
        return STRAIGHT in self.extra or (self.number == 2 and self.with_alpha)

    def misread_by_pillow(self, channels: int) -> bool:
        """Whether bands of 8 bits are read wrongly by Pillow, or some left out of the `channels` that are wanted."""
        apart = self.apart and self.number > 1
        return self.unnamed or apart or (channels == self.number == 4 and not self.with_alpha)

    def left_out(self, channels: int) -> bool:
        """Whether bands beyond colours are not read, and none of them is transparency."""
        return self.colours == RGB and self.number > max(3, channels) and not self.with_alpha


def bands_in(data: bytes, page: int = 0) -> Bands | None:
    """What a page of a TIFF file says of its bands; None for other files, and for what can't be made out."""
    directory = _directory(data, page)
    if directory is None:
        return None
    tags = {tag: numbers for tag, numbers in directory.items() if numbers}
    return Bands(
        number=tags.get(BANDS, ONE)[0],
        bits=max(tags.get(BITS, ONE)),
        signed=SIGNED in tags.get(FORMAT, ()),
        colours=tags.get(COLOURS, ONE)[0],
        apart=tags.get(PLANES, ONE)[0] == APART,
        extra=tuple(tags.get(EXTRA, ())),
        no_data=_number(bytes(tags.get(NO_DATA, ()))),
    )


def _number(text: bytes) -> float | None:
    with suppress(ValueError):
        return float(text.partition(b"\0")[0])
    return None


def bands_apart(data: bytes, page: int, wanted: int) -> Iterator[bytes]:
    """The first bands of a page whose bands lie apart, each as a grey TIFF file of its own, with the same pixels.

    OpenCV and Pillow put such bands together wrongly, of more than 8 bits above all. The page is one of `bands_in`.
    """
    directory = _directory(data, page)
    assert directory is not None, "bands_in told of it"
    count = directory[BANDS][0]
    same = {tag: numbers for tag, numbers in directory.items() if tag in KEPT} | {COLOURS: ONE, BANDS: ONE}
    each = {tag: numbers for tag, numbers in directory.items() if tag in (BITS, FORMAT) and numbers}
    parts = {tag: numbers for tag, numbers in directory.items() if tag in PARTS}
    for band in range(wanted):
        own: dict[int, Sequence[int]] = {tag: [numbers[min(band, len(numbers) - 1)]] for tag, numbers in each.items()}
        for tag, numbers in parts.items():
            many = len(numbers) // count
            own[tag] = numbers[band * many : (band + 1) * many]
        yield _with_directory(data, {**same, **own})


def _directory(data: bytes, page: int) -> Mapping[int, Sequence[int]] | None:
    """The tags of whole numbers of a page; None for what is no TIFF, or ends before they do."""
    if not data.startswith(TIFF):
        return None
    order, large = "<" if data.startswith(b"II") else ">", b"+" in data[2:4]
    offset, count, length = ("Q", "Q", 20) if large else ("L", "H", 12)
    inline = struct.calcsize(f"={offset}")
    tags: dict[int, Sequence[int]] = {}
    try:
        (at,) = struct.unpack_from(order + offset, data, inline)
        for _ in range(page + 1):
            if not at:
                return None
            (entries,) = struct.unpack_from(order + count, data, at)
            first = at + struct.calcsize(f"={count}")
            for entry in range(first, first + length * entries, length):
                tag, kind, many = struct.unpack_from(f"{order}HH{offset}", data, entry)
                if tag in KNOWN and (letter := NUMBERS.get(kind)):
                    place = entry + length - inline
                    if many * struct.calcsize(f"={letter}") > inline:
                        (place,) = struct.unpack_from(order + offset, data, place)
                    tags[tag] = struct.unpack_from(f"{order}{many}{letter}", data, place)
            (at,) = struct.unpack_from(order + offset, data, first + length * entries)
    except (struct.error, OverflowError, MemoryError):
        return None
    return tags


def _with_directory(data: bytes, tags: Mapping[int, Sequence[int]]) -> bytes:
    """The file, with a directory of these tags in place of its own."""
    order, padding = "<" if data.startswith(b"II") else ">", len(data) % 2
    at = len(data) + padding
    entries, beyond = [], b""
    for tag, numbers in sorted(tags.items()):
        kind, letter = (3, "H") if tag in SHORTS else (4, "L")
        values = struct.pack(f"{order}{len(numbers)}{letter}", *numbers)
        if len(values) > 4:
            place = struct.pack(f"{order}L", at + 2 + 12 * len(tags) + 4 + len(beyond))
            beyond += values + b"\0" * (len(values) % 4)
        else:
            place = values.ljust(4, b"\0")
        entries.append(struct.pack(f"{order}HHL", tag, kind, len(numbers)) + place)
    head = data[:2] + struct.pack(f"{order}HL", 42, at)
    count = struct.pack(f"{order}H", len(entries))
    return b"".join([head, data[8:], b"\0" * padding, count, *entries, bytes(4), beyond])
