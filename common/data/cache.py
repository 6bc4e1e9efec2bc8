"""The cache of decoded images: a pack is opened, and made first where there is none."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from common.data.decode import BadFileError, Decoded, refuse, try_decode
from common.data.pack import Pack
from common.data.parallel import map_in_order, one_quiet_opencv_thread, with_progress
from common.data.samples import Sample
from common.errors import UserError

FORMAT = 1  # to be raised when the same files would give another pack


def open_pack(
    samples: Sequence[Sample],
    *,
    size: int,
    num_classes: int | None,
    cache_dir: Path,
    num_workers: int,
    skip_bad_files: bool,
    channels: int = 3,
) -> Pack:
    """Opens the pack of these samples at size x size; decodes them only if the cache holds none of that
    content.

    `num_classes` None leaves the masks alone; `num_workers` 0 takes a thread for every core. A pack appears
    in the cache complete or not at all, also when two runs write it at once. Raises `UserError` for a file
    that cannot be read or a mask that differs in size from its image (both are left out with
    `skip_bad_files`), for a mask value that the classes do not know, and if the cache folder cannot be
    written.
    """
    if num_classes is None:
        samples = [replace(sample, mask=None, values={}) for sample in samples]
    workers = num_workers or os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        digests = list(pool.map(lambda sample: _file_digest(sample.image), samples))
        mask_digests = list(pool.map(lambda sample: _file_digest(sample.mask), samples))
    content = [
        [*pair, sorted(sample.values.items())] for sample, *pair in zip(samples, digests, mask_digests, strict=True)
    ]
    name = hashlib.blake2b(
        json.dumps([FORMAT, size, num_classes, content] + [channels] * (channels != 3)).encode(), digest_size=16
    ).hexdigest()
    folder = cache_dir / name
    if not folder.is_dir():
        build_pack(
            folder,
            samples,
            size=size,
            channels=channels,
            num_classes=num_classes,
            num_workers=workers,
            skip_bad_files=skip_bad_files,
        )
    return _open(folder, samples, digests, (size, channels), skip_bad_files)


def _file_digest(path: Path | None) -> str:
    """Of the bytes of a file; empty for one that is not there, which is reported when it is decoded."""
    if path is None:
        return ""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=8)).hexdigest()
    except OSError:
        return ""


def _open(
    folder: Path, samples: Sequence[Sample], digests: list[str], form: tuple[int, int], skip_bad_files: bool
) -> Pack:
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        images = np.load(folder / "images.npy", mmap_mode="r")
        masks = np.load(folder / "masks.npy", mmap_mode="r") if meta["class_pixels"] else None
    except (OSError, ValueError) as error:
        raise UserError(f"the cache folder {folder} is damaged ({error}); delete it") from error
    bad = [result for index in meta["bad"] if isinstance(result := try_decode(samples[index], *form), BadFileError)]
    if bad and not skip_bad_files:
        raise refuse(bad[0])
    kept = [index for index in range(len(samples)) if index not in set(meta["bad"])]
    return Pack(
        images=images,
        masks=masks,
        keys=tuple(samples[index].key for index in kept),
        class_pixels=np.array(meta["class_pixels"], dtype=np.int64) if masks is not None else None,
        digests=tuple(digests[index] for index in kept),
        bad_files=tuple(str(error) for error in bad),
        mask_values=tuple(meta["mask_values"]),
    )


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
                with closing(with_progress(decoded, len(samples), "decoding")) as counted:  # no bar outlives an error
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
