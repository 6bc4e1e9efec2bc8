"""What reading takes from an image file without refusing it, so that a run can say so."""

from collections.abc import Mapping, Sequence

import simplejpeg

from common.data.tiff import bands_in
from common.errors import abbreviate
from common.words import counted

JPEG = b"\xff\xd8"
LOST: Mapping[str, str] = {
    "frames": "only the first page or frame is read of {}",
    "alpha": "transparent pixels are taken for 0 in the mask of {}",
    "white": "white is stored as 0 (TIFF) and is taken for 255 or 1, as it looks, in the mask of {}",
    "lossy": "a loss in saving (JPEG) blurred black and white, which are told apart halfway, in the mask of {}",
    "outline": "an outline covers no pixel, since it is too small or lies outside, in the mask of {}",
    "turned": "the mask is turned as the EXIF tag of the image says, of {}",
    "bands": "only the first three bands are read (--channels 4: four) of {}",
    "corrupt": "a part may be grey or shifted, since the JPEG data are corrupt, of {}; replace the files",
}
"""In words, by its kind, what is lost of a file that can be read."""


def lost_in(data: bytes, channels: int = 3) -> tuple[str, ...]:
    """The kinds of `LOST` that hold for the content of a readable image file, of which so many channels are read."""
    if data.startswith(JPEG) and _corrupt(data):
        return ("corrupt",)
    bands = bands_in(data)
    return ("bands",) if bands and bands.left_out(channels) else ()


def lost_notes(lost: Mapping[str, Sequence[str]]) -> list[str]:
    """A sentence for each kind of loss, which counts its images and names some."""
    told = {kind: f"{counted(len(names), 'image')} ({abbreviate(names)})" for kind, names in lost.items()}
    return [LOST[kind].format(told[kind]) for kind, names in lost.items() if names]


def _corrupt(data: bytes) -> bool:
    """What libjpeg only warns of; it reads an eighth of the size, for the entropy code is what matters."""
    try:
        simplejpeg.decode_jpeg(data, "GRAY", min_height=1, min_width=1, min_factor=8, strict=True)
    except ValueError as error:
        return str(error).startswith("Corrupt JPEG data")
    return False
