"""The files of a pack in the cache: written with checksums, and believed only where they hold."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8
from pydantic import NonNegativeInt, PositiveInt, ValidationError

from common.data.fit import Fit
from common.data.known import KnownFiles
from common.data.ragged import Ragged
from common.data.row_file import open_rows
from common.run.plain_data import adapter, first_fault

IMAGES, MASKS, META = "images.npy", "masks.npy", "meta.json"
BLOCK = 2**20
"""Bytes that are read at once for a checksum."""


class DamagedPackError(Exception):
    """A pack is not what was written; says why."""


@dataclass(frozen=True, kw_only=True)
class PackMeta:
    """What meta.json says of the images of a pack; positions count the samples that it was made of."""

    bad: list[NonNegativeInt]
    """Positions of the samples that were left out."""
    reasons: list[str] | None = None
    """Why each of them was; None in packs of version 0.1.0."""
    lost: dict[str, list[NonNegativeInt]] = field(default_factory=dict)
    """By the kind of what reading lost, the positions of the samples; see `common.data.lost`."""
    boxes: list[tuple[NonNegativeInt, NonNegativeInt, PositiveInt, PositiveInt]] | None = None
    """Where each image lies (top, left, height, width); None where none is padded."""
    shapes: list[tuple[PositiveInt, PositiveInt]] | None = None
    """Height and width of each image; None where all have one size."""
    class_pixels: list[list[NonNegativeInt]]
    mask_values: list[NonNegativeInt]
    checksums: dict[str, int] | None = None
    """CRC-32 of the arrays' files; None in packs of versions 0.1.0 and 0.2.0, which are believed."""


class PackFiles(NamedTuple):
    """A pack as it lies in the cache."""

    images: UInt8[np.ndarray, "n h w c"] | Ragged
    masks: UInt8[np.ndarray, "n h w"] | Ragged | None
    meta: PackMeta


def write_meta(folder: Path, meta: Mapping[str, Any]) -> None:
    """Write meta.json beside the finished arrays, with their checksums and its own digest."""
    content = {**meta, "checksums": {name: file_checksum(folder / name) for name in (IMAGES, MASKS)}}
    text = json.dumps({**content, "digest": _digest(content)})
    (folder / META).write_text(text, encoding="utf-8")


def read_pack(
    folder: Path,
    *,
    samples: int,
    shape: tuple[int, int, int],
    fit: Fit = "squash",
    num_classes: int | None,
    known: KnownFiles,
) -> PackFiles:
    """Open the pack of so many samples, of images of one shape (h w c), and of their masks if there are classes.

    With the fit `crop` images have their own shapes, and the shape is that of a crop.

    Checksums are compared unless `known` says that nothing has touched the files since they were. Raises
    DamagedPackError unless all of it is what was written: files, types, shapes and checksums.
    """
    try:
        meta = _read_meta(folder / META)
        rows = samples - len(meta.bad)
        _refuse_misfits(meta, samples, rows if num_classes else 0, num_classes or 0)
        _refuse_boxes(meta, rows if fit == "pad" else None, shape)
        if (None if meta.shapes is None else len(meta.shapes)) != (rows if fit == "crop" else None):
            raise ValueError(f"{META} does not say the shape of each image")
        checksums = meta.checksums or {}
        found = known.digests([folder / name for name in checksums], lambda path: str(file_checksum(path)))
        for (name, checksum), now in zip(checksums.items(), found, strict=True):
            if now != str(checksum):
                raise ValueError(f"{name} is not what was written")
        images, masks = _arrays(folder, rows, shape, meta, labelled=bool(num_classes))
    except (OSError, ValueError, RecursionError) as error:  # pydantic's and JSON's errors are ValueErrors
        raise DamagedPackError(_one_line(error)) from error
    return PackFiles(images, masks, meta)


def _arrays(
    folder: Path, rows: int, shape: tuple[int, int, int], meta: PackMeta, *, labelled: bool
) -> tuple[UInt8[np.ndarray, "n h w c"] | Ragged, UInt8[np.ndarray, "n h w"] | Ragged | None]:
    """Images and masks. Raises ValueError and OSError as `open_rows`."""
    if meta.shapes is None:
        images = open_rows(folder / IMAGES, (rows, *shape))
        return images, open_rows(folder / MASKS, (rows, *shape[:2])) if labelled else None
    shapes = np.array(meta.shapes, dtype=np.int64).reshape(-1, 2)
    pixels = sum(height * width for height, width in meta.shapes)
    images = Ragged(open_rows(folder / IMAGES, (pixels, shape[2])), shapes, size=shape[0])
    return images, Ragged(open_rows(folder / MASKS, (pixels,)), shapes, size=shape[0]) if labelled else None


def _read_meta(path: Path) -> PackMeta:
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"{META} holds no settings")
    digest = content.pop("digest", None)
    if (digest or "checksums" in content) and digest != _digest(content):
        raise ValueError(f"{META} is not what was written")
    return adapter(PackMeta).validate_python(content)


def _refuse_misfits(meta: PackMeta, samples: int, labelled: int, num_classes: int) -> None:
    """Raise ValueError unless the numbers of meta.json fit each other and the samples."""
    positions = [*meta.bad, *(index for indices in meta.lost.values() for index in indices)]
    fits = (
        len(set(meta.bad)) == len(meta.bad) < samples
        and all(index < samples for index in positions)
        and (meta.reasons is None or len(meta.reasons) == len(meta.bad))
        and [len(row) for row in meta.class_pixels] == [num_classes] * labelled
        and all(value <= 255 for value in meta.mask_values)
    )
    if not fits:
        raise ValueError(f"{META} does not fit {samples} samples")


def _refuse_boxes(meta: PackMeta, rows: int | None, shape: tuple[int, int, int]) -> None:
    """Raise ValueError unless there are so many boxes (None: none at all) within images of this shape."""
    inside = (top + high <= shape[0] and left + wide <= shape[1] for top, left, high, wide in meta.boxes or ())
    if (None if meta.boxes is None else len(meta.boxes)) != rows or not all(inside):
        raise ValueError(f"{META} does not say where each image lies")


def file_checksum(path: Path) -> int:
    """CRC-32, because damage is an accident: a quarter of the time of SHA-256."""
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            checksum = zlib.crc32(block, checksum)
    return checksum


def _digest(content: Mapping[str, Any]) -> str:
    return blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=16).hexdigest()


def _one_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return f"{META}: {first_fault(error)}"
    if isinstance(error, OSError):
        return f"{Path(error.filename or META).name}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__
