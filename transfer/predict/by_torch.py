"""Networks that torch runs, as `transfer.predict` asks for them."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from common.data.batches import to_images
from common.metrics import classes_of
from common.resized import at_size
from common.windows import Block
from transfer.predict.alike import load_alike
from transfer.predict.average import VIEWS, averaged
from transfer.predict.network import Piece, Plan
from transfer.segmenter import Segmenter


class TorchNetwork:
    """One or more trained networks of `load_model`, which see an image in one or more mirrored views."""

    def __init__(self, models: Sequence[Segmenter], views: Sequence[Sequence[int]] = ((),)) -> None:
        """`views`: of each the sides that are mirrored, counted from the last. The networks must agree, see `load`."""
        self.models, self.views, self.first = models, views, models[0]
        first = self.first
        self.names, self.background, self.input = first.names, first.background, first.handover.input
        self.own_size = first.tiling is not None
        self.several = len(models) * len(views) > 1

    @classmethod
    def load(cls, plan: Plan) -> "TorchNetwork":
        """Read the files. Raises UserError as `load_model`, and for networks that cannot be averaged."""
        models = load_alike(plan.files, plan.device, tile=plan.tile, overlap=plan.overlap)
        return cls(models, VIEWS[plan.tta])

    def segment(
        self, images: UInt8[np.ndarray, "n p q c"], sizes: Sequence[tuple[int, int]], *, probabilities: bool
    ) -> Iterator[Iterable[Piece]]:
        """As `Network.segment`; of one network without probabilities few classes are enlarged at a time."""
        if not (probabilities or self.several):
            for size, found in zip(sizes, self.first.segment(images, sizes), strict=True):
                yield [Piece(*_everywhere(size), found.mask, None, None)]
            return
        with torch.no_grad():
            maps = self.maps(to_images(images, self.first.device))
        for whole, size in zip(maps, sizes, strict=True):
            seen = self.input.fitting.box(*size).cut(whole)
            blocks = at_size([Block(*_everywhere(seen.shape[1:]), seen)], seen.shape[1:], size)
            yield (self._piece(block, probabilities=probabilities) for block in blocks)

    def segment_whole(
        self, image: UInt8[np.ndarray, "h w c"], *, batch_size: int, probabilities: bool
    ) -> Iterator[Piece]:
        """As `Network.segment_whole`, with a bar over the windows."""
        blocks = self.first.blocks(image, batch_size=batch_size, bar=True, network=self.maps)
        return (self._piece(block, probabilities=probabilities) for block in blocks)

    def maps(self, image: Float[Tensor, "n c h w"]) -> Float[Tensor, "n maps h w"]:
        """The logits of one network; of several, or views, the maps of `averaged`."""
        if not self.several:
            return self.first.fast(image)
        return averaged(
            model.probabilities(model.fast(image.flip(view))).flip(view)
            for model in self.models
            for view in map(list, self.views)
        )

    def _piece(self, block: Block, *, probabilities: bool) -> Piece:
        logits, uncertainty = block.logits, None
        if self.several:
            logits, uncertainty = logits[:-1], logits[-1].clamp(0, 1).cpu().numpy()
        if not probabilities:
            mask = classes_of(logits[None])[0].byte().cpu().numpy()
            return Piece(block.rows, block.columns, mask, None, uncertainty)
        found = (logits.softmax(0) if self.several else self.first.probabilities(logits)).cpu().numpy()
        return Piece(block.rows, block.columns, found.argmax(0).astype(np.uint8), found, uncertainty)


def _everywhere(size: Sequence[int]) -> tuple[slice, slice]:
    return slice(0, size[0]), slice(0, size[1])
