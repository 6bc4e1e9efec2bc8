"""Decodes samples on all cores and writes them to a folder that appears complete or not at all."""

import json
import os
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from common.data.classes import UNKNOWN, lookup_table
from common.data.crowd import map_in_order, one_quiet_opencv_thread, shown
from common.data.decode import BadFileError, read_image, read_mask, resize_image, resize_mask
from common.data.samples import Sample
from common.errors import UserError, few


class Decoded(NamedTuple):
    """A sample at its final size, and the values that its mask file held."""

    image: UInt8[np.ndarray, "size size c"]
    mask: UInt8[np.ndarray, "size size"] | None
    values: tuple[int, ...]


class RowFile:
    """A .npy file of uint8 written row by row, so that a full disk is an error (a memory map would crash)."""

    def __init__(self, path: Path, row_shape: tuple[int, ...]) -> None:
        self.row_shape = row_shape
        self.rows = 0
        self.file = path.open("wb")
        self._write_header()

    def append(self, row: UInt8[np.ndarray, "..."]) -> None:
        assert row.shape == self.row_shape
        self.file.write(np.ascontiguousarray(row).data)
        self.rows += 1

    def finish(self) -> None:
        """Puts the number of rows into the header, which numpy pads so that it keeps its length."""
        self.file.seek(0)
        self._write_header()
        self.file.flush()
        os.fsync(self.file.fileno())

    def _write_header(self) -> None:
        shape = (self.rows, *self.row_shape)
        np.lib.format.write_array_header_1_0(self.file, {"descr": "|u1", "fortran_order": False, "shape": shape})


def decode_sample(sample: Sample, size: int, channels: int = 3) -> Decoded:
    """Reads one image and its mask as classes, at size x size.

    Raises `BadFileError` for a damaged file or a mask of another size than its image, and `UserError` for a
    mask value that the classes do not know.
    """
    image = read_image(sample.image, channels)
    if sample.mask is None:
        return Decoded(resize_image(image, size), None, ())
    mask = read_mask(sample.mask)
    if mask.shape != image.shape[:2]:
        turned = mask.shape == image.shape[1::-1]
        raise BadFileError(
            f"the image {sample.image} is {image.shape[1]} x {image.shape[0]} pixels and its mask "
            f"{sample.mask} {mask.shape[1]} x {mask.shape[0]}"
            + (" (images are turned as their EXIF tag says: turn the mask too)" if turned else "")
        )
    values = np.flatnonzero(np.bincount(mask.ravel(), minlength=256))
    table = lookup_table(sample.values)
    unknown = values[table[values] == UNKNOWN]
    if len(unknown):
        raise UserError(
            f"the mask {sample.mask} holds the values {few(unknown, 8)}, but the classes map only "
            f"{sorted(sample.values)}: give --classes (a YAML file can map any value), or save the masks "
            "again (JPEG invents values)"
        )
    return Decoded(resize_image(image, size), resize_mask(table[mask], size), tuple(values.tolist()))


def try_decode(sample: Sample, size: int, channels: int = 3) -> Decoded | BadFileError:
    """`decode_sample`, with a bad file as a result."""
    try:
        return decode_sample(sample, size, channels)
    except BadFileError as error:
        return error


def refuse(error: BadFileError) -> UserError:
    return UserError(f"{error}; replace the file, or leave such files out with --skip_bad_files")


def build_pack(
    folder: Path,
    samples: Sequence[Sample],
    *,
    size: int,
    channels: int,
    num_classes: int | None,
    num_workers: int,
    skip_bad_files: bool,
) -> None:
    """Decodes samples into images.npy, masks.npy and meta.json, in a folder that then appears all at once.

    If another run has made the folder meanwhile, that one stays. Raises what `open_pack` raises.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="unfinished-", dir=folder.parent) as temporary:
            unfinished = Path(temporary) / folder.name
            unfinished.mkdir()
            with ThreadPoolExecutor(num_workers) as pool, one_quiet_opencv_thread():
                decoded = map_in_order(
                    pool, partial(try_decode, size=size, channels=channels), samples, ahead=4 * num_workers
                )
                with closing(shown(decoded, len(samples), "decoding")) as counted:  # no bar outlives an error
                    _write(unfinished, counted, (size, size, channels), num_classes, skip_bad_files)
            _move_into_place(unfinished, folder)
    except OSError as error:
        raise UserError(
            f"cannot write decoded images to the cache folder {folder.parent}: {error.strerror or error}; "
            "make room or give another folder with --cache_dir"
        ) from error


def _write(
    folder: Path,
    decoded: Iterable[Decoded | BadFileError],
    shape: tuple[int, int, int],
    num_classes: int | None,
    skip_bad_files: bool,
) -> None:
    images = RowFile(folder / "images.npy", shape)
    masks = RowFile(folder / "masks.npy", shape[:2])
    bad: list[int] = []
    class_pixels: list[list[int]] = []
    mask_values: set[int] = set()
    with images.file, masks.file:
        for index, result in enumerate(decoded):
            if isinstance(result, BadFileError):
                if not skip_bad_files:
                    raise refuse(result)
                bad.append(index)
                continue
            images.append(result.image)
            if result.mask is not None and num_classes is not None:
                masks.append(result.mask)
                class_pixels.append(np.bincount(result.mask.ravel(), minlength=256)[:num_classes].tolist())
                mask_values.update(result.values)
        if not images.rows:
            raise UserError(f"none of the {len(bad)} images can be read; check --data_dir")
        images.finish()
        masks.finish()
    meta = {"bad": bad, "class_pixels": class_pixels, "mask_values": sorted(mask_values)}
    (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")


def _move_into_place(unfinished: Path, folder: Path) -> None:
    try:
        unfinished.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
