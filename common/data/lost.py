"""What reading takes from an image file without refusing it, so that a run can say so."""

import io
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
import simplejpeg
from PIL import Image

from common.errors import abbreviate
from common.words import counted

JPEG = b"\xff\xd8"
DARK = 2**14
"""16-bit images keep the upper 8 bits: one whose values stay below this has at most 64 of 256 grey values left."""

LOST: Mapping[str, str] = {
    "dark": f"16-bit values below {DARK} become 0 to {DARK // 256 - 1} of 255 in {{}}; stretch them to 0 to 65535",
    "frames": "only the first page or frame is read of {}",
    "alpha": "transparent pixels are taken for 0 in the mask of {}",
    "lossy": "a loss in saving (JPEG) blurred black and white, which are told apart halfway, in the mask of {}",
    "turned": "the mask is turned as the EXIF tag of the image says, of {}",
    "corrupt": "a part may be grey or shifted, since the JPEG data are corrupt, of {}; replace the files",
}
"""In words, by its kind, what is lost of a file that can be read."""


def lost_in(data: bytes) -> tuple[str, ...]:
    """The kinds of `LOST` that hold for the content of a readable image file."""
    if data.startswith(JPEG):
        return ("corrupt",) if _corrupt(data) else ()
    try:
        header = Image.open(io.BytesIO(data))
        frames, deep = getattr(header, "is_animated", False), _deep(header, data)
    except (OSError, ValueError, SyntaxError, EOFError):  # read by OpenCV, and not by Pillow
        return ()
    dark = deep and _dark(data)
    return (*(("frames",) if frames else ()), *(("dark",) if dark else ()))


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


def _dark(data: bytes) -> bool:
    image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    return image is not None and 0 < int(image.reshape(*image.shape[:2], -1)[..., :3].max()) < DARK


def _deep(header: Image.Image, data: bytes) -> bool:
    bits = 258  # TIFF's tag BitsPerSample
    if header.format == "TIFF":
        return 16 in header.tag_v2.get(bits, ())  # pyright: ignore[reportAttributeAccessIssue]
    return header.format == "PNG" and data[24] == 16
