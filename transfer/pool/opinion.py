"""A second opinion on the class of a photograph, by what the encoder knew before the training."""

from collections import defaultdict
from collections.abc import Mapping
from copy import deepcopy
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from common.data.batches import each_image
from common.data.pack import LabelledPack
from common.data.values import IGNORE
from common.models.encoder import Encoder
from common.tensors import foreground_mean

SCALES = 1, 2
"""How many times images are enlarged: ImageNet's encoders know more of larger ones."""
LEVELS = (-3,), (-2, -1), (-3, -2, -1)
"""Which of the encoder's maps describe an image: the finer ones know its texture, the coarser ones its shape."""
STRENGTH = 1e-3
"""Of the classifier, as scikit-learn has it: the smaller, the more it is held back."""
LEAST = 0.7
"""Share of the validation images of each class, in mean, that an opinion must have right to be asked. Of the half of
the images that it is the surest of it then has 0.84 right and more (docs/photographs.md)."""
ABOVE_CHANCE = 2.5
"""By how many standard deviations of a guess it must be above guessing: few validation images tell little."""


class Fitted(NamedTuple):
    """A classifier of the encoder's features."""

    scale: int
    levels: tuple[int, ...]
    mean: Float[Tensor, "d"]
    deviation: Float[Tensor, "d"]
    weight: Float[Tensor, "m d"]
    bias: Float[Tensor, "m"]
    right: float
    """Share of the validation images of each class that it has right, in mean."""


class Opinion(nn.Module):
    """The probabilities of the foreground's classes in an image, by a classifier on the frozen encoder.

    Images have one class each. The features are means of some of the encoder's maps over the foreground, each of
    length 1.
    """

    def __init__(self, encoder: Encoder, fitted: Fitted) -> None:
        super().__init__()
        self.encoder, self.fitted = encoder, fitted

    @torch.no_grad()
    def forward(self, image: Float[Tensor, "n c h w"], foreground: Float[Tensor, "n h w"]) -> Float[Tensor, "n m"]:
        """One row of probabilities for each image; `foreground` is the probability of it in each pixel."""
        told = self.fitted
        vectors = features(self.encoder, image, foreground, told.scale)
        vectors = (torch.cat([vectors[level] for level in told.levels], 1) - told.mean) / told.deviation
        logits = vectors @ told.weight.T + told.bias
        return torch.cat([1 - logits.sigmoid(), logits.sigmoid()], 1) if logits.shape[1] == 1 else logits.softmax(1)


@torch.no_grad()
def features(
    encoder: Encoder, image: Float[Tensor, "n c h w"], foreground: Float[Tensor, "n h w"], scale: int
) -> dict[int, Float[Tensor, "n _"]]:
    """The vectors that images are told apart by, for each of the encoder's levels, the coarsest of which is -1."""
    if scale > 1:
        image = F.interpolate(image, scale_factor=scale, mode="bilinear", align_corners=False)
    maps = encoder(image)
    means = {level: foreground_mean(maps[level].float(), foreground) for level in range(-min(3, len(maps)), 0)}
    return {level: F.normalize(mean, dim=1) for level, mean in means.items()}


def second_opinion(
    encoder: Encoder, train: LabelledPack, val: LabelledPack, *, background: int, device: torch.device
) -> Opinion | None:
    """The best of the opinions at SCALES, by LEVELS, on validation images; None where it has less than LEAST right."""
    frozen = deepcopy(encoder).eval().requires_grad_(False)
    train, val = (pack.take(np.flatnonzero(pack.foreground_pixels.any(1))) for pack in (train, val))
    if not len(val):
        return None
    tried = []
    for scale in SCALES:
        learnt, asked = (_vectors(frozen, pack, scale, background, device) for pack in (train, val))
        known = [levels for levels in LEVELS if set(levels) <= set(learnt)]
        tried += [_fitted(learnt, asked, train, val, scale=scale, levels=levels) for levels in known]
    best = max(tried, key=lambda fitted: fitted.right)
    return Opinion(frozen, best) if best.right >= _needed(_classes(val)) else None


def _needed(truth: Int64[np.ndarray, " v"]) -> float:
    """The share that an opinion on these validation images must have right."""
    chance = 1 / max(len(np.unique(truth)), 2)
    return max(LEAST, chance + ABOVE_CHANCE * (chance * (1 - chance) / len(truth)) ** 0.5)


def _vectors(
    encoder: Encoder, pack: LabelledPack, scale: int, background: int, device: torch.device
) -> dict[int, Float[Tensor, "n _"]]:
    """The features of labelled images, whose masks tell their foreground."""
    found: dict[int, list[Tensor]] = defaultdict(list)
    for batch in each_image(pack, batch_size=32, device=device):
        assert batch.mask is not None
        shown = ((batch.mask != background) & (batch.mask != IGNORE)).float()
        for level, vectors in features(encoder, batch.image, shown, scale).items():
            found[level].append(vectors)
    return {level: torch.cat(parts) for level, parts in found.items()}


def _fitted(
    learnt: Mapping[int, Float[Tensor, "n _"]],
    asked: Mapping[int, Float[Tensor, "v _"]],
    train: LabelledPack,
    val: LabelledPack,
    *,
    scale: int,
    levels: tuple[int, ...],
) -> Fitted:
    from sklearn.linear_model import LogisticRegression  # now: a training without photographs begins without it
    from sklearn.metrics import recall_score

    own, others = (torch.cat([vectors[level] for level in levels], 1) for vectors in (learnt, asked))
    seen = torch.cat([own, others])
    mean, deviation = seen.mean(0), seen.std(0).clamp_min(1e-6)
    own, others = (((part - mean) / deviation).cpu().numpy() for part in (own, others))
    model = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=1000).fit(own, _classes(train))
    truth = _classes(val)
    right = float(recall_score(truth, model.predict(others), labels=np.unique(truth), average="macro"))
    weight, bias = (torch.from_numpy(part).float().to(mean.device) for part in (model.coef_, model.intercept_))
    return Fitted(scale, levels, mean, deviation, weight, bias, right)


def _classes(pack: LabelledPack) -> Int64[np.ndarray, " n"]:
    """The class of each image, counted without the background."""
    return pack.foreground_pixels.argmax(1)
