"""Batches of an epoch, in an order that is a function of seed and epoch alone."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import overload

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64, UInt8
from torch import Tensor

from common.config.groups import TrainingConfig
from common.data.pack import LabelledPack, Pack
from common.errors import UserError
from common.terminal import progress_bar


@dataclass(frozen=True)
class Batch:
    """Some images of a data set, with their masks where there are any."""

    image: Float[Tensor, "n c h w"]
    mask: Int64[Tensor, "n h w"] | None
    index: Int64[Tensor, " n"]
    valid: Bool[Tensor, "n 1 h w"] | None = None
    """The pixels of the images, without their padding; None where none is padded."""

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True)
class LabelledBatch(Batch):
    """Some images of a labelled data set."""

    mask: Int64[Tensor, "n h w"]


class Batches:
    """The batches of a data set, epoch after epoch.

    A last batch of one image joins the one before it, because a normalisation over the batch, or over the
    single pixel that a small image leaves at stride 32, needs more than one value.
    """

    def __init__(
        self,
        pack: Pack,
        *,
        batch_size: int,
        seed: int = 0,
        shuffle: bool = False,
        chances: Float64[np.ndarray, " n"] | None = None,
    ) -> None:
        self.pack, self.batch_size, self.seed, self.shuffle, self.chances = pack, batch_size, seed, shuffle, chances

    def __len__(self) -> int:
        return len(self._chunks(np.arange(len(self.pack))))

    def epoch(self, epoch: int, device: torch.device | str = "cpu") -> Iterator[Batch]:
        """Yield every image once: in file order, or with `shuffle` in the order of (seed, epoch).

        With `chances`, which sum to 1, as many images are drawn with these probabilities instead, some of them twice.
        """
        for chunk in self._chunks(self._order(epoch)):
            yield read_batch(self.pack, chunk, device)

    def stream(self, first: int, count: int, device: torch.device | str = "cpu") -> Iterator[Batch]:
        """Yield `count` full batches from number `first` on, cut out of passes that follow each other without a seam.

        So an epoch can be as long for 10 images as for 10,000.
        """
        images, wanted = len(self.pack), count * self.batch_size
        begun, skipped = divmod(first * self.batch_size, images)
        passes = range(begun, begun + math.ceil((skipped + wanted) / images))
        order = np.concatenate([self._order(number) for number in passes])[skipped : skipped + wanted]
        for chunk in np.split(order, count):
            yield read_batch(self.pack, chunk, device)

    def _order(self, epoch: int) -> Int64[np.ndarray, " n"]:
        count, random = len(self.pack), np.random.default_rng((self.seed, epoch))
        if self.chances is not None:
            return random.choice(count, count, p=self.chances)
        return random.permutation(count) if self.shuffle else np.arange(count)

    def _chunks(self, order: np.ndarray) -> list[np.ndarray]:
        starts = range(self.batch_size, len(order), self.batch_size)
        chunks = np.split(order, list(starts)) if len(order) else []
        if len(chunks) > 1 and len(chunks[-1]) == 1:
            last = chunks.pop()
            chunks[-1] = np.concatenate([chunks[-1], last])
        return chunks


@overload
def read_batch(pack: LabelledPack, indices: np.ndarray, device: torch.device | str = "cpu") -> LabelledBatch: ...
@overload
def read_batch(pack: Pack, indices: np.ndarray, device: torch.device | str = "cpu") -> Batch: ...
def read_batch(pack: Pack, indices: np.ndarray, device: torch.device | str = "cpu") -> Batch:
    """Copy the images of `indices` out of the pack: bytes travel to the device, and become [0, 1] there."""
    image, index = to_images(pack.images[indices], device), torch.from_numpy(np.asarray(indices, dtype=np.int64))
    valid = None if pack.boxes is None else _inside(pack.boxes[indices], image)
    if pack.masks is None:
        return Batch(image, None, index, valid)
    mask = torch.from_numpy(np.ascontiguousarray(pack.masks[indices])).to(device).long()
    kind = LabelledBatch if isinstance(pack, LabelledPack) else Batch
    return kind(image, mask, index, valid)


def _inside(boxes: Int64[np.ndarray, "n 4"], image: Float[Tensor, "n c h w"]) -> Bool[Tensor, "n 1 h w"]:
    """The pixels that lie in the box of their image."""
    top, left, height, width = torch.from_numpy(boxes).to(image.device)[..., None].unbind(1)
    row, column = (torch.arange(side, device=image.device) for side in image.shape[-2:])
    rows, columns = (row >= top) & (row < top + height), (column >= left) & (column < left + width)
    return rows[:, None, :, None] & columns[:, None, None, :]


def to_images(pixels: UInt8[np.ndarray, "n h w c"], device: torch.device | str = "cpu") -> Float[Tensor, "n c h w"]:
    """Pixels as networks take them: they travel to the device as bytes, and become [0, 1] there."""
    image = torch.from_numpy(np.ascontiguousarray(pixels)).to(device)
    return image.permute(0, 3, 1, 2).contiguous().float().div_(255.0)


def training_batches(
    pack: Pack, plan: TrainingConfig, *, seed: int, chances: Float64[np.ndarray, " n"] | None = None
) -> Batches:
    """The shuffled batches of a training. Raises UserError for a single image."""
    if len(pack) < 2:
        raise UserError("there is one training image: normalisation over a batch needs two, so add images")
    return Batches(pack, batch_size=plan.batch_size, seed=seed, shuffle=True, chances=chances)


def sampling_weights(foreground_pixels: Int64[np.ndarray, "n k"]) -> Float64[np.ndarray, " n"]:
    """The chance of each image to be drawn if first a class is drawn, all alike, and then an image that shows it.

    Foreground classes count. Images that show none of them keep the share of the draws that they would have anyway.
    """
    shows = foreground_pixels > 0
    each = (shows / np.maximum(shows.sum(0), 1)).sum(1)
    none = ~shows.any(axis=1)
    weights = each / max(each.sum(), 1e-12) * (1 - none.mean()) + none / len(foreground_pixels)
    return weights / weights.sum()


@overload
def each_image(
    pack: LabelledPack, *, batch_size: int, device: torch.device, doing: str = ""
) -> Iterator[LabelledBatch]: ...
@overload
def each_image(pack: Pack, *, batch_size: int, device: torch.device, doing: str = "") -> Iterator[Batch]: ...
def each_image(pack: Pack, *, batch_size: int, device: torch.device, doing: str = "") -> Iterator[Batch]:
    """Yield every image of a pack once, in file order; with `doing` ("scoring") under a bar."""
    batches = Batches(pack, batch_size=batch_size).epoch(0, device)
    if not doing:
        yield from batches
        return
    with progress_bar(f"{doing} images", len(pack)) as done:
        for batch in batches:
            yield batch
            done(len(batch))
