"""Networks that torch runs, as `transfer.predict` asks for them."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from jaxtyping import UInt8

from common.metrics import classes_of
from common.resized import at_size
from common.tiles import Block
from transfer.predict.network import Piece, Plan
from transfer.segmenter import Segmenter, load_model


class TorchNetwork:
    """A trained network of `load_model`."""

    def __init__(self, model: Segmenter) -> None:
        self.model = model
        self.names, self.background, self.input = model.names, model.background, model.handover.input
        self.own_size = model.tiling is not None

    @classmethod
    def load(cls, plan: Plan) -> "TorchNetwork":
        """Read the file. Raises UserError as `load_model`."""
        return cls(load_model(plan.files[0], plan.device, tile=plan.tile, overlap=plan.overlap))

    def segment(
        self, images: UInt8[np.ndarray, "n p q c"], sizes: Sequence[tuple[int, int]], *, probabilities: bool
    ) -> Iterator[Iterable[Piece]]:
        """As `Network.segment`; without probabilities no more than a few classes are enlarged at a time."""
        if not probabilities:
            for size, found in zip(sizes, self.model.segment(images, sizes), strict=True):
                yield [Piece(*_everywhere(size), found.mask, None, None)]
            return
        for whole, size in zip(self.model.logits(images), sizes, strict=True):
            logits = self.input.fitting.box(*size).cut(whole)
            seen = logits.shape[1:]
            yield map(self._with_probabilities, at_size([Block(*_everywhere(seen), logits)], seen, size))

    def segment_whole(
        self, image: UInt8[np.ndarray, "h w c"], *, batch_size: int, probabilities: bool
    ) -> Iterator[Piece]:
        """As `Network.segment_whole`, with a bar over the windows."""
        piece = self._with_probabilities if probabilities else _without
        return map(piece, self.model.blocks(image, batch_size=batch_size, bar=True))

    def _with_probabilities(self, block: Block) -> Piece:
        found = self.model.probabilities(block.logits).cpu().numpy()
        return Piece(block.rows, block.columns, found.argmax(0).astype(np.uint8), found, None)


def _without(block: Block) -> Piece:
    mask = classes_of(block.logits[None])[0].byte().cpu().numpy()
    return Piece(block.rows, block.columns, mask, None, None)


def _everywhere(size: Sequence[int]) -> tuple[slice, slice]:
    return slice(0, size[0]), slice(0, size[1])
