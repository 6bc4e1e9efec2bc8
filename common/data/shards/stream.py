"""The photographs of shards as an endless stream of decoded images, in an order that depends on the seed alone."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from common.data.decode import decode_image, refuse, refuse_enlarged
from common.data.deep import FULL, Depth
from common.data.fitting import Box
from common.data.opened import BadFileError
from common.data.pack_spec import PackSpec
from common.data.parallel import map_in_order, reading_pool
from common.data.shards.files import Photo, readable_in
from common.errors import UserError
from common.say import note_of_any

BUFFER = 1000
"""Photographs that are shuffled at once; as many, in the bytes of their files, are held in memory."""
SHARDS, BLOCK = 4, 5
"""What tells the random numbers of the order of shards, and of that within a block, from others."""


class Place(NamedTuple):
    """How far a stream has been read."""

    shard: int = 0
    """Shards that this process has read to their ends, over all passes."""
    read: int = 0
    """Photographs of the next one that lie before this block."""
    block: int = 0
    """Number of this block of photographs."""
    taken: int = 0
    """Photographs that were taken of it."""


class Image(NamedTuple):
    """A photograph as a network takes it."""

    key: str
    pixels: UInt8[np.ndarray, "h w c"]
    box: Box
    """Where it lies; the rest is padding."""
    after: Place
    """How far the stream has been read with it."""


@dataclass(frozen=True, eq=False)
class Shards:
    """The training photographs of shards."""

    files: tuple[str, ...]
    held_out: frozenset[str]
    """Keys of the photographs that validate and test."""
    spec: PackSpec
    depth: Depth | None = None
    """The values of images of more than 8 bits that become 0 and 255."""


@dataclass(frozen=True)
class Stream:
    """The part of the shards that one of several processes reads: the shards of every pass are dealt out in turn."""

    shards: Shards
    seed: int
    rank: int = 0
    world: int = 1
    left_out: set[str] = field(default_factory=set)
    """What was told to be left out: each pass meets it again."""

    def images(self, place: Place) -> Generator[Image, None, None]:
        """Endless images from a place on, decoded ahead on all cores; each pass shows every photograph once.

        Raises UserError for what can't be read; with --skip_bad_files it is left out with a note.
        """
        spec = self.shards.spec
        with reading_pool(spec.threads) as pool:
            for image in map_in_order(pool, self._decoded, self._photos(place), ahead=8 * spec.threads):
                if isinstance(image, Image):
                    yield image
                elif spec.skip_bad_files:
                    self._leave_out(image)
                else:
                    raise refuse(str(image))

    def _leave_out(self, error: UserError | BadFileError) -> None:
        if str(error) not in self.left_out:
            self.left_out.add(str(error))
            note_of_any(f"left out: {error}")

    def _decoded(self, item: tuple[Photo, Place]) -> Image | BadFileError:
        (key, name, data), after = item
        spec = self.shards.spec
        try:
            image = decode_image(data, Path(name), spec.channels, depth=self.shards.depth or FULL)
            refuse_enlarged(Path(name), image, spec.fitting)
        except BadFileError as error:
            return error
        return Image(key, spec.fitting.image(image), spec.fitting.box(*image.shape[:2]), after)

    def _photos(self, place: Place) -> Iterator[tuple[Photo, Place]]:
        """Photographs in the order of training, each with the place behind it."""
        first = place.taken
        for start, block in self._blocks(place):
            order = np.random.default_rng((self.seed, BLOCK, self.rank, start.block)).permutation(len(block))
            for taken in range(first, len(block)):
                yield block[order[taken]], start._replace(taken=taken + 1)
            first = 0

    def _blocks(self, place: Place) -> Iterator[tuple[Place, list[Photo]]]:
        """`BUFFER` photographs at a time as they lie, fewer at the end of a pass, and the place where they begin."""
        start, block, skip, empty = place._replace(taken=0), [], place.read, 0
        for shard in count(place.shard):
            empty += 1
            photos = readable_in(self._file(shard), skip=self.shards.spec.skip_bad_files, leave_out=self._leave_out)
            for number, photo in enumerate(photos, start=1):
                if number <= skip or photo.key in self.shards.held_out:
                    continue
                empty = 0
                block.append(photo)
                if len(block) == BUFFER:
                    yield start, block
                    start, block = Place(shard, number, start.block + 1), []
            skip = 0
            if block and self._pass(shard + 1) > self._pass(shard):
                yield start, block
                start, block = Place(shard + 1, 0, start.block + 1), []
            if empty > 2 * len(self.shards.files):
                raise UserError("the shards hold no photographs to train on: check --data_dir")

    def _pass(self, shard: int) -> int:
        return (shard * self.world + self.rank) // len(self.shards.files)

    def _file(self, shard: int) -> str:
        """The shard with a number of this process, in passes that follow each other without a seam."""
        files = self.shards.files
        order = np.random.default_rng((self.seed, SHARDS, self._pass(shard))).permutation(len(files))
        return files[order[(shard * self.world + self.rank) % len(files)]]
