"""What a teacher says of training images and their mirror images, computed once and kept in half precision."""

import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor

from common.data.batches import Batches, read_batch
from common.data.cache import move_into_place, writing
from common.data.pack import Pack
from common.data.pack_files import file_checksum
from common.data.parallel import with_progress
from common.data.ragged import of_one_size
from common.data.row_file import RowFile, open_rows
from common.data.unfinished import remove_leftovers
from common.errors import UserError
from common.run.plain_data import from_json
from common.say import aside, note
from pretrain.targets.features import FeatureTarget

FORMAT = 1  # to be raised when the same images and the same teacher would give other files
MAPS, META = "maps.npy", "maps.json"
BATCH = 32
"""Images that are computed at once."""
HALF = 2
"""Bytes of a number."""
GB = 1e9


@dataclass(frozen=True)
class _Meta:
    """What maps.json says."""

    checksum: int
    """CRC-32 of maps.npy."""


class KnownMaps:
    """The vectors of a target of features for the images of a pack, without its teacher.

    A number differs from that of the teacher by its rounding to half precision, at most 1 part in 2,048.
    """

    def __init__(self, target: FeatureTarget, pack: Pack, *, mirrored: bool, cache: Path) -> None:
        """`mirrored`: whether mirror images are asked for too; `cache`: the folder of decoded images."""
        self.target, self.pack, self.views, self.cache = target, pack, 2 if mirrored else 1, cache
        self.images = of_one_size(pack.images)
        self.device = next(target.parameters()).device
        levels = target.levels(read_batch(pack, np.arange(1), self.device).image)
        self.shapes = [tuple(vectors.shape[1:]) for vectors in levels]
        self.numbers = [math.prod(shape) for shape in self.shapes]
        self.rows: UInt8[np.ndarray, "m b"] | None = None

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return HALF * sum(self.numbers) * self.views * len(self.pack)

    def __call__(self, index: Int64[Tensor, " n"], mirrored: Bool[Tensor, " n"]) -> Float[Tensor, "n d p q"]:
        """The vectors of images by their positions in the pack, in float32; `mirrored` says which are mirror images."""
        assert self.rows is not None, "open() comes first"
        rows = self.rows[(self.views * index + mirrored).numpy()]
        values = torch.from_numpy(rows.view(np.float16)).to(self.device).float().split(self.numbers, dim=1)
        levels = [part.unflatten(1, shape) for part, shape in zip(values, self.shapes, strict=True)]
        return self.target.spread(levels, *(side // self.target.cell for side in self.images.shape[1:3]))

    def open(self) -> None:
        """Find the file in the cache, or compute it there; it appears complete or not at all.

        Raises UserError where it can't be written.
        """
        folder = self.cache / "teachers" / self._name()
        shape = (self.views * len(self.pack), HALF * sum(self.numbers))
        remove_leftovers(folder.parent)
        if os.path.lexists(folder):
            try:
                self.rows = _read(folder, shape)
                return
            except (OSError, ValueError, UserError) as error:
                note(f"the teacher's maps in {folder} are damaged ({error}), and made again")
                shutil.rmtree(folder)
        self._make(folder)
        self.rows = _read(folder, shape)

    def _make(self, folder: Path) -> None:
        aside(f"the teacher's maps take {self.size / GB:.2g} GB in {folder.parent}")
        with writing(folder.parent, "the teacher's maps") as temporary:
            unfinished = temporary / folder.name
            unfinished.mkdir()
            file = RowFile(unfinished / MAPS, (HALF * sum(self.numbers),))
            with file.file:
                for rows in with_progress(self._computed(), len(self.pack), "asking the teacher about"):
                    file.extend(rows)
                file.finish()
            told = json.dumps(asdict(_Meta(file_checksum(unfinished / MAPS))))
            (unfinished / META).write_text(told, encoding="utf-8")
            move_into_place(unfinished, folder)

    def _computed(self) -> Iterator[UInt8[np.ndarray, "v b"]]:
        """The rows of an image after those of the other, as it is and then mirrored."""
        for batch in Batches(self.pack, batch_size=BATCH).epoch(0, self.device):
            views = [batch.image, batch.image.flip(-1)][: self.views]
            levels = [torch.cat([part.flatten(1) for part in self.target.levels(view)], dim=1) for view in views]
            halves = torch.stack(levels, dim=1).half().cpu().numpy()
            yield from halves.view(np.uint8)

    def _name(self) -> str:
        """A digest of all that makes one file differ from another: the pixels, the teacher, and what computes."""
        about = [
            FORMAT,
            self.views,
            self.shapes,
            self.target.teacher.fingerprint(),
            torch.__version__,
            self.device.type,
        ]
        digest = hashlib.blake2b(repr(about).encode(), digest_size=16)
        for start in range(0, len(self.images), 1024):
            digest.update(np.ascontiguousarray(self.images[start : start + 1024]).data)
        return digest.hexdigest()


def _read(folder: Path, shape: Sequence[int]) -> UInt8[np.ndarray, "m b"]:
    """The rows of a file. Raises ValueError, OSError or UserError where it is not what was written."""
    rows, meta = open_rows(folder / MAPS, tuple(shape)), from_json(_Meta, folder / META)
    if file_checksum(folder / MAPS) != meta.checksum:
        raise ValueError(f"{MAPS} is not what was written")
    return rows
