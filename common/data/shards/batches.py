"""Batches of a stream of photographs."""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from common.config.groups import TrainingConfig
from common.data.batches import Batch, Batches, training_batches
from common.data.load import Splits
from common.data.pack import Pack
from common.data.pack_spec import PackSpec
from common.data.parallel import ahead
from common.data.ragged import Ragged
from common.data.shards.stream import Image, Place, Stream
from common.ranks.group import count, each, rank

ENDLESS = 10**9
"""Photographs that a stream counts as."""
WAITING = 4
"""Batches that are made ahead."""
OF_OTHERS = "a photograph of another rank"


class StreamBatches(Batches):
    """The batches of a stream, which have no end; those of an epoch begin where the epoch before ended.

    Of several processes each reads shards of its own for its rows of every batch; the other rows, which it does not
    train on, repeat them. The places are part of the training's state, so that a resumed training reads on where it
    stopped. The pack is that of the first photographs.
    """

    def __init__(
        self,
        stream: Stream,
        pack: Pack,
        plan: TrainingConfig,
        *,
        scales: Sequence[float] = (1.0, 1.0),
        gather: Callable[[Place], list[Place]] = lambda place: [place],
    ) -> None:
        """`gather` returns the places of all processes, and is called by all of them at the end of an epoch."""
        super().__init__(pack, batch_size=plan.batch_size, seed=stream.seed, shuffle=True, crops=True, scales=scales)
        self.source, self.place, self.gather = stream, Place(), gather
        self.places = [self.place]
        number, world = stream.rank, stream.world
        self.own = slice(self.batch_size * number // world, self.batch_size * (number + 1) // world)
        self.recent: deque[str] = deque(maxlen=2 * plan.batch_size * plan.accumulate)
        """Keys of the photographs that were handed out last."""
        self.handed = 0

    def stream(self, first: int, count: int, device: torch.device | str = "cpu") -> Iterator[Batch]:
        """Yield `count` batches, of which the first has the number `first`."""
        with closing(ahead(self._chunked(), WAITING)) as chunks:
            for number, images in enumerate(islice(chunks, count), start=first):
                self.place = images[-1].after
                yield self._batch_of(images, number, device)
        self.places = self.gather(self.place)

    def names(self, indices: Int64[Tensor, " n"]) -> list[str]:
        """The names of photographs of the last batches."""
        oldest = self.handed - len(self.recent)
        return [self.recent[index - oldest] for index in indices.tolist()]

    def state_dict(self) -> dict[str, Any]:
        """Where the next epoch begins."""
        return {"places": [list(place) for place in self.places]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned; of another number of processes, about as many shards are passed over."""
        self.places, world = [Place(*place) for place in state["places"]], self.source.world
        if len(self.places) == world:
            self.place = self.places[self.source.rank]
        else:
            self.place = Place(sum(place.shard for place in self.places) // world)

    def _chunked(self) -> Generator[list[Image], None, None]:
        with closing(self.source.images(self.place)) as images:
            while chunk := list(islice(images, self.own.stop - self.own.start)):
                yield chunk

    def _batch_of(self, images: list[Image], number: int, device: torch.device | str) -> Batch:
        """A batch as those of a folder are made, of a pack of its images alone."""
        place = (number,) if self.source.world == 1 else (self.source.rank, number)
        pack = _pack_of(images, self.source.shards.spec)
        some = Batches(pack, batch_size=len(pack), seed=self.seed, crops=True, scales=self.scales)
        batch = some._read(np.arange(len(pack)), place, device)
        image, valid = batch.image, batch.valid
        if len(pack) < self.batch_size:
            rows = (torch.arange(self.batch_size) - self.own.start) % len(pack)
            image, valid = image[rows], None if valid is None else valid[rows]
        keys = [OF_OTHERS] * self.batch_size
        keys[self.own] = pack.keys
        self.recent.extend(keys)
        self.handed += self.batch_size
        return Batch(image, None, torch.arange(self.handed - self.batch_size, self.handed), valid)


def batches_of(data: Splits, plan: TrainingConfig, *, seed: int, scales: Sequence[float] = (1.0, 1.0)) -> Batches:
    """The batches of a training, of a folder or of a stream."""
    if data.stream is None:
        return training_batches(data.train, plan, seed=seed, scales=scales)
    return StreamBatches(Stream(data.stream, seed, rank(), count()), data.train, plan, scales=scales, gather=each)


def images_of(data: Splits) -> int:
    """The number of training images, from which the length of a training follows."""
    return len(data.train) if data.stream is None else ENDLESS


def _pack_of(images: list[Image], spec: PackSpec) -> Pack:
    pixels, keys = [image.pixels for image in images], tuple(image.key for image in images)
    boxes = np.array([image.box for image in images], dtype=np.int64)
    known: dict[str, Any] = {"masks": None, "keys": keys, "digests": ("",) * len(images)}
    if spec.fit == "crop":
        flat = np.concatenate([one.reshape(-1, one.shape[2]) for one in pixels])
        return Pack(images=Ragged(flat, boxes[:, 2:], size=spec.size), **known)
    return Pack(images=np.stack(pixels), boxes=boxes if spec.fit == "pad" else None, **known)
