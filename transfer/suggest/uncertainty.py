"""How uncertain networks are of an image, and where they see it: one number, and one vector."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from common.data.opened import BadFileError
from common.embedding import POOLINGS
from transfer.metrics.quality import entropy
from transfer.predict.average import averaged
from transfer.predict.photos import Original, Photo, Photos
from transfer.segmenter import Segmenter


@dataclass(frozen=True, eq=False)
class Judged:
    """An image without a mask, and what networks make of it."""

    photo: Original
    uncertainty: float
    """From 0 to 1: the mean entropy of its pixels, or how much several networks disagree there."""
    vector: Float[np.ndarray, " d"]
    """Where the first network's encoder sees it."""


def uncertainty(chances: Float[Tensor, "m k h w"]) -> Float[Tensor, "h w"]:
    """How uncertain `m` networks are of each pixel, from 0 to 1.

    One network: the entropy of its probabilities. Several: how much they disagree, as `averaged` has it.
    """
    if len(chances) == 1:
        return entropy(chances)[0]
    return averaged(chances[:, None])[0, -1]


class Committee:
    """Networks that look at the same images; the encoder of the first describes them."""

    def __init__(self, models: Sequence[Segmenter], *, batch_size: int) -> None:
        self.models, self.batch_size = models, batch_size
        self._maps: list[Float[Tensor, "n d"]] = []

    @torch.no_grad()
    def judged(self, photos: Photos) -> Iterator[Judged]:
        """Every readable image, judged, in the order of their names."""
        with self._describing():
            if self.models[0].tiling is None:
                for batch in photos.batches("judging"):
                    yield from self._resized(batch)
                return
            for photo in photos.whole("judging"):
                try:
                    found = self._at_own_size(photo)
                except BadFileError as error:
                    photos.leave_out(error)
                    continue
                yield found

    def _resized(self, batch: Sequence[Photo]) -> Iterator[Judged]:
        """Images at the size that networks take, without their padding."""
        images = np.stack([photo.small for photo in batch])
        self._maps.clear()
        logits = [model.logits(images) for model in self.models]
        vectors = torch.cat(self._maps).numpy()
        chances = torch.stack([model.probabilities(raw) for raw, model in zip(logits, self.models, strict=True)], 1)
        for photo, shares, vector in zip(batch, chances, vectors, strict=True):
            seen = self.models[0].fitting.box(*photo.size).cut(shares)
            yield Judged(photo, float(uncertainty(seen).mean()), vector)

    def _at_own_size(self, photo: Original) -> Judged:
        """An image that is seen by windows; its vector is the mean over them."""
        image, total = photo.full, 0.0
        self._maps.clear()
        for blocks in zip(*(model.blocks(image, batch_size=self.batch_size) for model in self.models), strict=True):
            pairs = zip(blocks, self.models, strict=True)
            chances = torch.stack([model.probabilities(logits) for (*_, logits), model in pairs])
            total += float(uncertainty(chances).double().sum())
        vector = torch.cat(self._maps).mean(0).numpy()
        return Judged(photo, total / (image.shape[0] * image.shape[1]), vector)

    @contextmanager
    def _describing(self) -> Iterator[None]:
        """Inside the context, keep the vectors of what the first encoder sees."""

        def keep(_encoder: nn.Module, _inputs: object, maps: list[Tensor]) -> None:
            self._maps.append(POOLINGS["all_mean_std"](maps).cpu())

        handle = self.models[0].fast.encoder.register_forward_hook(keep)
        try:
            yield
        finally:
            handle.remove()
