"""Batches of an epoch, in an order that is a function of seed and epoch alone."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int64, UInt8
from torch import Tensor

from common.config.groups import TrainingConfig
from common.data.gather import Pixels, alike, random_crops, whole_images
from common.data.pack import LabelledPack, Pack
from common.data.ragged import Ragged
from common.errors import UserError
from common.ranks.group import count
from common.terminal import progress_bar
from common.words import counted

CROPS, SCALES = 2, 3
"""What tells the random numbers of crops, and of their scales, from those of the order."""
SHOWN = 512
"""Side in pixels of the largest image that pictures show whole."""


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
        crops: bool = False,
        scales: Sequence[float] = (1.0, 1.0),
        least: int = 2,
    ) -> None:
        """`crops`: draw a crop of each image that is kept at its own size, in place of the whole.

        `scales`: the ends of the range from which the scale of each is drawn; twice as large is as likely everywhere.
        `least`: a last batch of fewer images joins the one before it.
        """
        self.least = least
        self.scales = scales
        self.crops = crops and isinstance(pack.images, Ragged)
        self.pack, self.batch_size, self.seed, self.shuffle, self.chances = pack, batch_size, seed, shuffle, chances

    def __len__(self) -> int:
        return len(self._chunks(np.arange(len(self.pack))))

    def epoch(self, epoch: int, device: torch.device | str = "cpu") -> Iterator[Batch]:
        """Yield every image once: in file order, or with `shuffle` in the order of (seed, epoch).

        With `chances`, which sum to 1, as many images are drawn with these probabilities instead, some of them twice.
        """
        for number, chunk in enumerate(self._chunks(self._order(epoch))):
            yield self._read(chunk, (epoch, number), device)

    def stream(self, first: int, count: int, device: torch.device | str = "cpu") -> Iterator[Batch]:
        """Yield `count` full batches from number `first` on, cut out of passes that follow each other without a seam.

        So an epoch can be as long for 10 images as for 10,000.
        """
        images, wanted = len(self.pack), count * self.batch_size
        begun, skipped = divmod(first * self.batch_size, images)
        passes = range(begun, begun + math.ceil((skipped + wanted) / images))
        order = np.concatenate([self._order(number) for number in passes])[skipped : skipped + wanted]
        for number, chunk in enumerate(np.split(order, count), start=first):
            yield self._read(chunk, (number,), device)

    def names(self, indices: Int64[Tensor, " n"]) -> list[str]:
        """The names of some images of the last batches."""
        return [self.pack.keys[index] for index in indices.tolist()]

    def _read(self, chunk: np.ndarray, place: tuple[int, ...], device: torch.device | str) -> Batch:
        """The batch at this place of the training, on which its crops depend alone."""
        if not self.crops:
            return _batch(self.pack, chunk, whole_images(self.pack, chunk), device)
        places = np.random.default_rng((self.seed, CROPS, *place)).random((len(chunk), 2))
        return _batch(self.pack, chunk, random_crops(self.pack, chunk, places, self._scales(len(chunk), place)), device)

    def _scales(self, count: int, place: tuple[int, ...]) -> Float64[np.ndarray, " n"] | None:
        """The scales of the crops of a batch; None where all are 1."""
        if tuple(self.scales) == (1.0, 1.0):
            return None
        low, high = np.log(self.scales)
        return np.exp(np.random.default_rng((self.seed, SCALES, *place)).uniform(low, high, count))

    def _order(self, epoch: int) -> Int64[np.ndarray, " n"]:
        count, random = len(self.pack), np.random.default_rng((self.seed, epoch))
        if self.chances is not None:
            return random.choice(count, count, p=self.chances)
        return random.permutation(count) if self.shuffle else np.arange(count)

    def _chunks(self, order: np.ndarray) -> list[np.ndarray]:
        if isinstance(self.pack.images, Ragged) and not self.crops:
            return alike(self.pack.images, order, batch_size=self.batch_size)
        starts = range(self.batch_size, len(order), self.batch_size)
        chunks = np.split(order, list(starts)) if len(order) else []
        if len(chunks) > 1 and len(chunks[-1]) < self.least:
            last = chunks.pop()
            chunks[-1] = np.concatenate([chunks[-1], last])
        return chunks


@overload
def read_batch(pack: LabelledPack, indices: np.ndarray, device: torch.device | str = "cpu") -> LabelledBatch: ...
@overload
def read_batch(pack: Pack, indices: np.ndarray, device: torch.device | str = "cpu") -> Batch: ...
def read_batch(pack: Pack, indices: np.ndarray, device: torch.device | str = "cpu") -> Batch:
    """Copy the images of `indices` out of the pack to be looked at; of one larger than `SHOWN` its middle."""
    return _batch(pack, indices, whole_images(pack, indices, most=SHOWN), device)


def _batch(pack: Pack, indices: np.ndarray, pixels: Pixels, device: torch.device | str) -> Batch:
    """Bytes travel to the device, and become [0, 1] there."""
    image, index = to_images(pixels.images, device), torch.from_numpy(np.asarray(indices, dtype=np.int64))
    valid = None if pixels.boxes is None else _inside(pixels.boxes, image)
    if pixels.masks is None:
        return Batch(image, None, index, valid)
    mask = torch.from_numpy(np.ascontiguousarray(pixels.masks)).to(device).long()
    kind = LabelledBatch if isinstance(pack, LabelledPack) else Batch
    return kind(image, mask, index, valid)


def _inside(boxes: Int64[np.ndarray, "n 4"], image: Float[Tensor, "n c h w"]) -> Bool[Tensor, "n 1 h w"]:
    """The pixels that lie in the box of their image."""
    frame = image.shape[-2:]
    if (boxes[:, 2:] == frame).all():  # as most crops: no memory is filled
        return torch.ones(1, 1, 1, 1, dtype=torch.bool, device=image.device).expand(len(boxes), 1, *frame)
    top, left, height, width = torch.from_numpy(boxes).to(image.device)[..., None].unbind(1)
    row, column = (torch.arange(side, device=image.device) for side in frame)
    rows, columns = (row >= top) & (row < top + height), (column >= left) & (column < left + width)
    return rows[:, None, :, None] & columns[:, None, None, :]


def to_images(pixels: UInt8[np.ndarray, "n h w c"], device: torch.device | str = "cpu") -> Float[Tensor, "n c h w"]:
    """Pixels as networks take them: they travel to the device as bytes, and become [0, 1] there."""
    image = torch.from_numpy(np.ascontiguousarray(pixels)).to(device)
    return image.permute(0, 3, 1, 2).contiguous().float().div_(255.0)


def training_batches(
    pack: Pack,
    plan: TrainingConfig,
    *,
    seed: int,
    chances: Float64[np.ndarray, " n"] | None = None,
    scales: Sequence[float] = (1.0, 1.0),
) -> Batches:
    """The shuffled batches of a training: crops, where images have their own sizes. Raises UserError for one image."""
    if len(pack) < 2:
        raise UserError("there is one training image: normalisation over a batch needs two, so add images")
    if len(pack) < count():
        raise UserError(
            f"{counted(len(pack), 'training image', 'is')} too few for {count()} processes: lower --devices"
        )
    known = {"seed": seed, "shuffle": True, "chances": chances, "least": max(2, count())}
    return Batches(pack, batch_size=plan.batch_size, **known, crops=True, scales=scales)


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
    """Yield every image of a pack once, in file order; with `doing` ("scoring") under a bar.

    Images of different sizes come in batches of one size; of those above `ONE_PIECE` the middle.
    """
    batches = Batches(pack, batch_size=batch_size).epoch(0, device)
    if not doing:
        yield from batches
        return
    with progress_bar(f"{doing} images", len(pack)) as done:
        for batch in batches:
            yield batch
            done(len(batch))
