"""A second opinion on the class of a photograph, by what the encoder knew before the training."""

from collections import defaultdict
from collections.abc import Sequence
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
BEST = 3
"""How many classifiers are averaged, of one for each of the encoder's maps at each scale (docs/log.md)."""
NEVER = -1e4
"""The logit of a class that no mask shows."""
STRENGTH = 1e-3
"""Of the classifier, as scikit-learn has it: the smaller, the more it is held back."""
LEAST = 0.7
"""Share of the validation images of each class, in mean, that an opinion must have right to be asked. Of the half of
the images that it is the surest of, such ones had 0.9 right in mean (docs/log.md)."""
ABOVE_CHANCE = 2.5
"""By how many standard deviations of a guess it must be above guessing: few validation images tell little."""


class Fitted(NamedTuple):
    """A classifier of the mean of one of the encoder's maps over the foreground."""

    scale: int
    level: int
    """Of the map; -1 is the coarsest. The finer ones know colour and texture, the coarser ones shape."""
    mean: Float[Tensor, "d"]
    deviation: Float[Tensor, "d"]
    weight: Float[Tensor, "m d"]
    """Of a logit for each class; those of all images that are known have a standard deviation of 1."""
    bias: Float[Tensor, "m"]

    def __call__(self, vectors: Float[Tensor, "n d"]) -> Float[Tensor, "n m"]:
        """The logits of images, whose features these are."""
        return (vectors - self.mean) / self.deviation @ self.weight.T + self.bias


class Opinion(nn.Module):
    """The probabilities of the foreground's classes in an image, by some classifiers on the frozen encoder.

    Images have one class each. The features are means of the encoder's maps over the foreground, of length 1.
    """

    def __init__(self, encoder: Encoder, fitted: Sequence[Fitted], right: float) -> None:
        """`right`: the share of the validation images of each class that they have right together, in mean."""
        super().__init__()
        self.encoder, self.fitted, self.right = encoder, fitted, right

    @torch.no_grad()
    def forward(self, image: Float[Tensor, "n c h w"], foreground: Float[Tensor, "n h w"]) -> Float[Tensor, "n m"]:
        """One row of probabilities for each image; `foreground` is the probability of it in each pixel."""
        scales = {told.scale for told in self.fitted}
        seen = {scale: features(self.encoder, image, foreground, scale) for scale in scales}
        return _mean([told(seen[told.scale][told.level]) for told in self.fitted])


@torch.no_grad()
def features(
    encoder: Encoder, image: Float[Tensor, "n c h w"], foreground: Float[Tensor, "n h w"], scale: int
) -> dict[int, Float[Tensor, "n _"]]:
    """The vectors that images are told apart by, for each of the encoder's levels, the coarsest of which is -1."""
    if scale > 1:
        image = F.interpolate(image, scale_factor=scale, mode="bilinear", align_corners=False)
    maps = encoder(image)
    means = {level: foreground_mean(maps[level].float(), foreground) for level in range(-len(maps), 0)}
    return {level: F.normalize(mean, dim=1) for level, mean in means.items()}


def second_opinion(
    encoder: Encoder, train: LabelledPack, val: LabelledPack, *, background: int, device: torch.device
) -> Opinion | None:
    """The mean of the BEST classifiers, by validation images; None where it has less than LEAST of these right."""
    frozen = deepcopy(encoder).eval().requires_grad_(False)
    train, val = (pack.take(np.flatnonzero(pack.foreground_pixels.any(1))) for pack in (train, val))
    if not len(val):
        return None
    known, truth, count = _classes(train), _classes(val), train.foreground_pixels.shape[1]
    tried: list[tuple[float, Fitted, Float[Tensor, "v m"]]] = []
    for scale in SCALES:
        learnt, asked = (_vectors(frozen, pack, scale, background, device) for pack in (train, val))
        for level, vectors in learnt.items():
            fitted = _fitted(vectors, known, asked[level], scale=scale, level=level, count=count)
            logits = fitted(asked[level])
            tried.append((_right(_mean([logits]), truth), fitted, logits))
    best = sorted(tried, key=lambda one: -one[0])[:BEST]
    right = _right(_mean([logits for *_, logits in best]), truth)
    return Opinion(frozen, [fitted for _, fitted, _ in best], right) if right >= _needed(truth) else None


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
    own: Float[Tensor, "n d"],
    known: Int64[np.ndarray, " n"],
    others: Float[Tensor, "v d"],
    *,
    scale: int,
    level: int,
    count: int,
) -> Fitted:
    """A classifier of so many classes, which is learnt from the `known` ones of its `own` images.

    A class that is in none of these is never told. Features are scaled by those of the `others`, too.
    """
    from sklearn.linear_model import LogisticRegression  # now: a training without photographs begins without it

    seen = torch.cat([own, others])
    mean, deviation = seen.mean(0), seen.std(0).clamp_min(1e-6)
    model = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=1000)
    model.fit(((own - mean) / deviation).cpu().numpy(), known)
    spread = model.decision_function(((seen - mean) / deviation).cpu().numpy()).std() + 1e-6
    weight, bias = torch.zeros(count, own.shape[1]), torch.full((count,), NEVER)
    told = model.classes_[-len(model.coef_) :]  # of two classes the second one has a logit
    weight[told], bias[model.classes_] = torch.from_numpy(model.coef_ / spread).float(), 0.0
    bias[told] = torch.from_numpy(model.intercept_ / spread).float()
    return Fitted(scale, level, mean, deviation, weight.to(mean.device), bias.to(mean.device))


def _mean(logits: Sequence[Float[Tensor, "n m"]]) -> Float[Tensor, "n m"]:
    """The probabilities of the classes by the mean of several classifiers' logits."""
    return torch.stack(list(logits)).mean(0).softmax(1)


def _right(probabilities: Float[Tensor, "v k"], truth: Int64[np.ndarray, " v"]) -> float:
    """The share of each class that is most probable, in mean."""
    from sklearn.metrics import recall_score  # now, as above

    told = probabilities.argmax(1).cpu().numpy()
    return float(recall_score(truth, told, labels=np.unique(truth), average="macro"))


def _classes(pack: LabelledPack) -> Int64[np.ndarray, " n"]:
    """The class of each image, counted without the background."""
    return pack.foreground_pixels.argmax(1)
