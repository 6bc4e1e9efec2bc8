"""A trained segmentation network, ready to use from Python: image in, mask out."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from common.config.network import network_file
from common.data.any_image import AnyImage, to_pixels
from common.data.batches import to_images
from common.data.classes import Classes
from common.data.values import as_key
from common.engine.device import find_device
from common.errors import UserError
from common.metrics import classes_of
from common.models.folded import folded
from common.models.rebuild import rebuilt
from common.resized import at_size
from common.run.checkpoint import SegmentationHandover, load_handover
from common.tiles import Network, blended
from common.windows import Block, Tiling, watched
from common.words import counted
from transfer.metrics.calibration import probabilities as to_probabilities
from transfer.model import SegmentationNet

FEW_CLASSES, FEW_PIXELS = 3, 2**14
"""Up to so many, classes are enlarged together, for torch may take another kernel, of other last bits, than for one."""


@dataclass(frozen=True, eq=False)
class Segmentation:
    """What a network predicts for one image, at the image's own size."""

    mask: UInt8[np.ndarray, "h w"]
    """The class of each pixel, an index into `names`."""
    names: tuple[str, ...]
    """The classes."""
    background: int | None = 0
    """The class that is no object; None where every class is one."""
    probabilities: Float[np.ndarray, "k h w"] | None = None
    """The probability of each class at each pixel (float32, in [0, 1], sum 1); None unless requested."""


class Segmenter:
    """A trained network with its classes and its input size; made by `load_model`."""

    def __init__(
        self,
        net: SegmentationNet,
        handover: SegmentationHandover,
        device: torch.device,
        tiling: Tiling | None = None,
    ) -> None:
        self.tiling = tiling
        """How images are cut that are segmented at their own size; None where they are resized."""
        self.net = net.to(device).eval()
        self.handover, self.device = handover, device
        self.names, self.background = handover.task.names, handover.task.background
        self.input_size = handover.input.image_size
        """Side in pixels of the squares that images become."""
        self.fitting = handover.input.fitting
        self.channels = handover.input.channels
        self.temperature = handover.task.temperature
        """What divides logits before the softmax, fitted on the validation images of the training; 1 without that."""

    @cached_property
    def fast(self) -> SegmentationNet:
        """The network that scores and predicts, in 0.8 of the time; its logits differ from `net`'s by rounding."""
        return folded(self.net)

    @property
    def classes(self) -> Classes | None:
        """What the values in masks mean, as in the training; None where a file of an older version does not say."""
        known = self.handover.task
        if not known.values:
            return None
        return Classes(known.names, {as_key(value): index for value, index in known.values.items()}, known.background)

    def predict(self, image: AnyImage, *, probabilities: bool = False) -> Segmentation:
        """Segment one image: an array (h w c, uint8), a Pillow image of any mode, or the path of a file.

        Raises UserError for an array of another type or shape, and for a file that can't be read.
        """
        return next(self.predict_many([image], batch_size=1, probabilities=probabilities))

    def predict_many(
        self, images: Iterable[AnyImage], *, batch_size: int = 16, probabilities: bool = False
    ) -> Iterator[Segmentation]:
        """Segment images one batch at a time, in their order; at most `batch_size` of them are held in memory.

        Logits may differ in their last bits between batch sizes, so that a pixel between two classes may change sides.
        Raises as `predict`, when the batch of the image is reached.
        """
        if batch_size < 1:
            raise UserError(f"batch_size is {batch_size}: give at least 1")
        stream = iter(images)
        if self.tiling is not None:
            for image in stream:
                pixels = to_pixels(image, self.channels, self.handover.input.depth)
                yield self.segment_whole(pixels, batch_size=batch_size, probabilities=probabilities)
            return
        while batch := [
            to_pixels(image, self.channels, self.handover.input.depth) for image in islice(stream, batch_size)
        ]:
            small = np.stack([self.fitting.image(pixels) for pixels in batch])
            sizes = [pixels.shape[:2] for pixels in batch]
            del batch
            yield from self.segment(small, sizes, probabilities=probabilities)

    def segment(
        self, images: UInt8[np.ndarray, "n s s c"], sizes: Sequence[Sequence[int]], *, probabilities: bool = False
    ) -> Iterator[Segmentation]:
        """Segment a batch at the network's input size, and bring each mask to its (height, width)."""
        for whole, size in zip(self.logits(images), sizes, strict=True):
            logits = self.fitting.box(*size).cut(whole)
            mask = predict_at_size(logits, size).cpu().numpy()
            chances = self.probabilities(resize_logits(logits[None], size)[0]).cpu().numpy() if probabilities else None
            yield Segmentation(mask, self.names, self.background, chances)

    def segment_whole(
        self,
        image: UInt8[np.ndarray, "h w c"],
        *,
        batch_size: int = 16,
        probabilities: bool = False,
        bar: bool = False,
    ) -> Segmentation:
        """Segment an image at its own size, in one piece or by windows; `bar` shows progress.

        Windows have as many pixels at once as `batch_size` images of the network's input size, or there is one.
        """
        height, width = image.shape[:2]
        mask = np.empty((height, width), np.uint8)
        chances = np.empty((len(self.names), height, width), np.float32) if probabilities else None
        for rows, columns, logits in self.blocks(image, batch_size=batch_size, bar=bar):
            mask[rows, columns] = classes_of(logits[None])[0].byte().cpu().numpy()
            if chances is not None:
                chances[:, rows, columns] = self.probabilities(logits).cpu().numpy()
        return Segmentation(mask, self.names, self.background, chances)

    def blocks(
        self,
        image: UInt8[np.ndarray, "h w c"],
        *,
        batch_size: int = 16,
        bar: bool = False,
        network: Network | None = None,
    ) -> Iterator[Block]:
        """The logits of an image at its own size, a block at a time, see `blended`; `network` may take its place.

        A network that was trained with --scale_to sees it resized, and its logits are brought back.
        """
        seen = self.fitting.image(image) if self.fitting.fit == "crop" else image
        height, width = seen.shape[:2]
        at_once = self._tiles.at_once(height, width, pixels=batch_size * self.input_size**2)
        blocks = blended(network or self.fast, seen, self._tiles, batch_size=at_once, device=self.device)
        blocks = watched(blocks, self._tiles.count(height, width), bar=bar)
        return blocks if seen.shape == image.shape else at_size(blocks, (height, width), image.shape[:2])

    def probabilities(self, logits: Float[Tensor, "*n k h w"]) -> Float[Tensor, "*n k h w"]:
        """The probability of each class at each pixel, calibrated where the network's file has a temperature."""
        return to_probabilities(logits, self.temperature)

    @property
    def _tiles(self) -> Tiling:
        assert self.tiling is not None, "this network takes images that are resized"
        return self.tiling

    @torch.no_grad()
    def logits(self, images: UInt8[np.ndarray, "n s s c"]) -> Float[Tensor, "n k s s"]:
        """The raw scores of a batch of images at the network's input size."""
        return self.fast(to_images(images, self.device))


def load_model(
    path: Path | str, device: str | torch.device = "auto", *, tile: int | None = None, overlap: int | None = None
) -> Segmenter:
    """Load a trained segmentation network from the folder of a run of transfer.main, or from its best.pth.

    The device is auto, cpu, cuda, cuda:1 or mps. With a `tile` images are segmented at their own size: in one piece
    where both sides fit into so many pixels, else by windows of that side, of which neighbours share `overlap` pixels.
    Raises UserError for a file that is not such a network's, for a device that this machine lacks, and for windows
    that the network can't take.
    """
    file = network_file(Path(path))
    handover = load_handover(file, kind="segmentation")
    net = rebuilt(lambda: SegmentationNet.from_architecture(handover.architecture), handover.sections, file)
    if len(handover.task.names) != net.num_classes:
        known = counted(len(handover.task.names), "class")
        raise UserError(f"{file} names {known}, its network tells {net.num_classes} apart")
    found = find_device(device) if isinstance(device, str) else device
    encoder = net.encoder
    tiling = Tiling.asked(handover.input, encoder.strides[-1], encoder.min_size, tile=tile, overlap=overlap)
    return Segmenter(net, handover, found, tiling)


def resize_logits(logits: Float[Tensor, "n k h w"], size: Sequence[int]) -> Float[Tensor, "n k {size[0]} {size[1]}"]:
    """Logits at another (height, width), bilinearly: enlarging them, not the mask, keeps borders smooth."""
    return F.interpolate(logits, size=tuple(size), mode="bilinear", align_corners=False)


def predict_at_size(logits: Float[Tensor, "k h w"], size: Sequence[int]) -> UInt8[Tensor, "{size[0]} {size[1]}"]:
    """The predicted class of every pixel of an image at another (height, width), the first among equals.

    Holds a few classes at that size, and not all of them: the bits are those of the `argmax` of `resize_logits`.
    """
    if len(logits) <= FEW_CLASSES or math.prod(size) <= FEW_PIXELS:
        maps = iter(resize_logits(logits[None], size)[0])
    else:
        maps = (resize_logits(one[None, None], size)[0, 0] for one in logits)
    best = next(maps)
    mask = torch.zeros_like(best, dtype=torch.uint8)
    for index, other in enumerate(maps, start=1):
        mask.masked_fill_(other > best, index)
        best = torch.maximum(best, other)
    return mask
