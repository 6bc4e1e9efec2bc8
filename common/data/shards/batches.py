"""Batches of a stream of photographs."""

from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
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

ENDLESS = 10**9
"""Photographs that a stream counts as."""
WAITING = 4
"""Batches that are made ahead."""


class StreamBatches(Batches):
    """The batches of a stream, which have no end; those of an epoch begin where the epoch before ended.

    The place is part of the training's state, so that a resumed training reads on where it stopped. The pack is that of
    the first photographs.
    """

    def __init__(
        self, stream: Stream, pack: Pack, plan: TrainingConfig, *, scales: Sequence[float] = (1.0, 1.0)
    ) -> None:
        super().__init__(pack, batch_size=plan.batch_size, seed=stream.seed, shuffle=True, crops=True, scales=scales)
        self.source, self.place = stream, Place()
        self.recent = deque[str](maxlen=2 * plan.batch_size * plan.accumulate)
        """Keys of the photographs that were handed out last."""
        self.handed = 0

    def stream(self, first: int, count: int, device: torch.device | str = "cpu") -> Iterator[Batch]:
        """Yield `count` batches, of which the first has the number `first`."""
        with closing(ahead(self._chunked(), WAITING)) as chunks:
            for number, images in enumerate(islice(chunks, count), start=first):
                self.place = images[-1].after
                yield self._batch_of(images, number, device)

    def names(self, indices: Int64[Tensor, " n"]) -> list[str]:
        """The names of photographs of the last batches."""
        oldest = self.handed - len(self.recent)
        return [self.recent[index - oldest] for index in indices.tolist()]

    def state_dict(self) -> dict[str, Any]:
        """Where the next epoch begins."""
        return {"place": list(self.place)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.place = Place(*state["place"])

    def _chunked(self) -> Generator[list[Image], None, None]:
        with closing(self.source.images(self.place)) as images:
            while chunk := list(islice(images, self.batch_size)):
                yield chunk

    def _batch_of(self, images: list[Image], number: int, device: torch.device | str) -> Batch:
        """A batch as those of a folder are made, of a pack of its images alone."""
        place = (number,) if self.source.world == 1 else (self.source.rank, number)
        pack = _pack_of(images, self.source.shards.spec)
        some = Batches(pack, batch_size=len(pack), seed=self.seed, crops=True, scales=self.scales)
        batch = some._read(np.arange(len(pack)), place, device)
        batch.index.add_(self.handed)
        self.recent.extend(pack.keys)
        self.handed += len(pack)
        return batch


def batches_of(data: Splits, plan: TrainingConfig, *, seed: int, scales: Sequence[float] = (1.0, 1.0)) -> Batches:
    """The batches of a training, of a folder or of a stream."""
    if data.stream is None:
        return training_batches(data.train, plan, seed=seed, scales=scales)
    return StreamBatches(Stream(data.stream, seed), data.train, plan, scales=scales)


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
