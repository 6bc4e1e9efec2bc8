"""Batches of an epoch, in an order that is a function of seed and epoch alone."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from common.data.pack import Pack


@dataclass(frozen=True)
class Batch:
    """Some images of a data set, with their masks where there are any."""

    image: Float[Tensor, "n c h w"]
    mask: Int64[Tensor, "n h w"] | None
    index: Int64[Tensor, " n"]

    def __len__(self) -> int:
        return len(self.index)


class Batches:
    """The batches of a data set, epoch after epoch.

    A last batch of one image joins the one before it, because a normalisation over the batch, or over the
    single pixel that a small image leaves at stride 32, needs more than one value.
    """

    def __init__(self, pack: Pack, *, batch_size: int, seed: int = 0, shuffle: bool = False) -> None:
        self.pack, self.batch_size, self.seed, self.shuffle = pack, batch_size, seed, shuffle

    def __len__(self) -> int:
        return len(self._chunks(np.arange(len(self.pack))))

    def epoch(self, epoch: int, device: torch.device | str = "cpu") -> Iterator[Batch]:
        """Yield every image once: in file order, or with `shuffle` in the order of (seed, epoch)."""
        count = len(self.pack)
        order = np.random.default_rng((self.seed, epoch)).permutation(count) if self.shuffle else np.arange(count)
        for chunk in self._chunks(order):
            yield read_batch(self.pack, chunk, device)

    def _chunks(self, order: np.ndarray) -> list[np.ndarray]:
        starts = range(self.batch_size, len(order), self.batch_size)
        chunks = np.split(order, list(starts)) if len(order) else []
        if len(chunks) > 1 and len(chunks[-1]) == 1:
            last = chunks.pop()
            chunks[-1] = np.concatenate([chunks[-1], last])
        return chunks


def read_batch(pack: Pack, indices: np.ndarray, device: torch.device | str = "cpu") -> Batch:
    """Copy the images of `indices` out of the pack: bytes travel to the device, and become [0, 1] there."""
    image = torch.from_numpy(np.ascontiguousarray(pack.images[indices])).to(device)
    mask = None
    if pack.masks is not None:
        mask = torch.from_numpy(np.ascontiguousarray(pack.masks[indices])).to(device).long()
    image = image.permute(0, 3, 1, 2).contiguous().float().div_(255.0)
    return Batch(image, mask, torch.from_numpy(np.asarray(indices, dtype=np.int64)))
