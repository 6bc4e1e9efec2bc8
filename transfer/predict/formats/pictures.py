"""Masks as pictures and arrays: a file for each image."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from common.colours import UNLABELLED, colour_of, colours, css
from common.data.classes import IGNORE
from common.errors import UserError
from common.files import write_json
from transfer.predict.formats.result import FileEach, Result


def colour_table(count: int) -> UInt8[np.ndarray, "256 3"]:
    """The colours of the classes; all other values are grey, as what is not labelled."""
    table = np.full((256, 3), UNLABELLED, np.uint8)
    table[:count] = colours(count)
    return table


class Palette(FileEach):
    """PNG whose pixels are class numbers, with the colours of the classes as its palette."""

    folder = "masks"

    def write(self, result: Result, path: Path) -> None:
        """As `write_palette`."""
        write_palette(path, result.mask, len(self.names))


class Index(FileEach):
    """Grey PNG of class numbers."""

    folder = "index"

    def write(self, result: Result, path: Path) -> None:
        """Without a palette, since some readers turn that into colours."""
        write_grey(path, result.mask)


@dataclass(frozen=True)
class BlackAndWhite(FileEach):
    """Grey PNG: 0 is background, 255 the class. Of more classes it can't say which."""

    folder = "255"

    def __post_init__(self) -> None:
        if len(self.names) != 2:
            raise UserError(
                f"--format 255 is for a background and one class, and this network has {len(self.names)} classes: "
                "take --format index or palette"
            )

    def write(self, result: Result, path: Path) -> None:
        """Without a background the first class is black."""
        white = 1 - (self.background or 0)
        write_grey(path, np.where(result.mask == white, 255, 0).astype(np.uint8))


class Rgba(FileEach):
    """PNG of the classes in their colours; the background is clear."""

    folder = "rgba"

    def write(self, result: Result, path: Path) -> None:
        """To be laid over the image by other programs."""
        table = np.concatenate([colour_table(len(self.names)), np.full((256, 1), 255, np.uint8)], axis=1)
        if self.background is not None:
            table[self.background, 3] = 0
        Image.fromarray(table[result.mask], mode="RGBA").save(path, compress_level=3)


class Npz(FileEach):
    """NumPy's archive: `mask` (h w, uint8), `names`, and `background`, -1 where there is none."""

    folder, suffix = "npz", ".npz"

    def write(self, result: Result, path: Path) -> None:
        """Compressed."""
        background = -1 if self.background is None else self.background
        np.savez_compressed(path, mask=result.mask, names=np.array(self.names), background=background)


def write_palette(path: Path, mask: UInt8[np.ndarray, "h w"], count: int) -> None:
    """Write a PNG of class numbers; its palette ends with the `count` classes, unless pixels are not labelled."""
    picture = Image.fromarray(mask, mode="P")
    used = 256 if mask.max(initial=0) == IGNORE else count
    picture.putpalette(colour_table(count)[:used].tobytes())
    picture.save(path)


def write_grey(path: Path, values: np.ndarray) -> None:
    """Write a grey PNG of 8 or 16 bits."""
    found, data = cv2.imencode(".png", values)
    assert found, "a grey picture has a PNG"
    path.write_bytes(data.tobytes())


def write_classes(folder: Path, names: Sequence[str], background: int | None) -> None:
    """Write classes.json beside masks: names by class number, which is the background, and colours."""
    shades = {name: css(colour_of(number)) for number, name in enumerate(names)}
    no_object = None if background is None else names[background]
    write_json(folder / "classes.json", {"names": list(names), "background": no_object, "colours": shades})
