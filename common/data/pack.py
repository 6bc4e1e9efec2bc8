"""A data set decoded once: every image and mask at one size, memory-mapped from a cache folder."""

import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Int, Int64, UInt8

from common.data.decode import BadFileError
from common.data.packing import build_pack, refuse, try_decode
from common.data.samples import Sample
from common.errors import UserError

FORMAT = 1  # to be raised when the same files would give another pack


@dataclass(frozen=True, eq=False)
class Pack:
    """Images of one size with their masks, as arrays that are read from the disk where they are touched.

    `masks` hold class indices, 255 ignored; they and `class_pixels` (pixels of each class in each image, 255
    not counted) are None without labels. Equal `digests` are image files of equal bytes. `bad_files` says
    which files were left out and why, `mask_values` which values the mask files held.
    """

    images: UInt8[np.ndarray, "n h w c"]
    masks: UInt8[np.ndarray, "n h w"] | None
    keys: tuple[str, ...]
    class_pixels: Int64[np.ndarray, "n k"] | None
    digests: tuple[str, ...]
    bad_files: tuple[str, ...] = ()
    mask_values: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, indices: Int[np.ndarray, " m"]) -> "Pack":
        """The images at these positions, in this order, copied into memory."""
        return replace(
            self,
            images=np.asarray(self.images[indices]),
            masks=None if self.masks is None else np.asarray(self.masks[indices]),
            keys=tuple(self.keys[index] for index in indices),
            class_pixels=None if self.class_pixels is None else self.class_pixels[indices],
            digests=tuple(self.digests[index] for index in indices),
        )


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
