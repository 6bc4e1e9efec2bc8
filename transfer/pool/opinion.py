"""A second opinion on the class of a photograph, by what the encoder knew before the training."""

from copy import deepcopy
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from common.data.batches import each_image
from common.data.pack import LabelledPack, Pack
from common.models.encoder import Encoder

SCALES = 1, 2
"""How many times images are enlarged: ImageNet's encoders know more of larger ones."""
STRENGTH = 1e-3
"""Of the classifier, as scikit-learn has it: the smaller, the more it is held back."""
SAMPLE = 512
"""Photographs that tell the usual mean and deviation of a feature."""
LEAST = 0.8
"""Share of the validation images of each class, in mean, that an opinion must have right to be asked."""


class Fitted(NamedTuple):
    """A classifier of the encoder's features."""

    scale: int
    mean: Float[Tensor, "d"]
    deviation: Float[Tensor, "d"]
    weight: Float[Tensor, "m d"]
    bias: Float[Tensor, "m"]
    right: float
    """Share of the validation images of each class that it has right, in mean."""


class Opinion(nn.Module):
    """The probabilities of the foreground's classes in an image, by a classifier on the frozen encoder.

    Images have one class each. The features are means of the two coarsest maps, each of length 1.
    """

    def __init__(self, encoder: Encoder, fitted: Fitted) -> None:
        super().__init__()
        self.encoder, self.fitted = encoder, fitted

    @torch.no_grad()
    def forward(self, image: Float[Tensor, "n c h w"]) -> Float[Tensor, "n m"]:
        """One row of probabilities for each image."""
        told = self.fitted
        vectors = (features(self.encoder, image, told.scale) - told.mean) / told.deviation
        logits = vectors @ told.weight.T + told.bias
        return torch.cat([1 - logits.sigmoid(), logits.sigmoid()], 1) if logits.shape[1] == 1 else logits.softmax(1)


@torch.no_grad()
def features(encoder: Encoder, image: Float[Tensor, "n c h w"], scale: int) -> Float[Tensor, "n d"]:
    """The vectors that images are told apart by."""
    if scale > 1:
        image = F.interpolate(image, scale_factor=scale, mode="bilinear", align_corners=False)
    return torch.cat([F.normalize(maps.float().mean((2, 3)), dim=1) for maps in encoder(image)[-2:]], 1)


def second_opinion(
    encoder: Encoder, train: LabelledPack, val: LabelledPack, pool: Pack, *, device: torch.device
) -> Opinion | None:
    """The better of the opinions at SCALES on validation images; None where it has less than LEAST right."""
    frozen = deepcopy(encoder).eval().requires_grad_(False)
    some = pool.take(np.linspace(0, len(pool) - 1, min(SAMPLE, len(pool))).astype(np.int64))
    train, val = (pack.take(np.flatnonzero(pack.foreground_pixels.any(1))) for pack in (train, val))
    if not len(val):
        return None
    tried = [_fitted(frozen, train, val, some, scale, device) for scale in SCALES]
    best = max(tried, key=lambda fitted: fitted.right)
    return Opinion(frozen, best) if best.right >= LEAST else None


def _fitted(
    encoder: Encoder, train: LabelledPack, val: LabelledPack, some: Pack, scale: int, device: torch.device
) -> Fitted:
    from sklearn.linear_model import LogisticRegression  # now: a training without photographs begins without it
    from sklearn.metrics import recall_score

    def vectors(pack: Pack) -> Float[Tensor, "n d"]:
        batches = each_image(pack, batch_size=32, device=device)
        return torch.cat([features(encoder, batch.image, scale) for batch in batches])

    seen = vectors(some)
    mean, deviation = seen.mean(0), seen.std(0).clamp_min(1e-6)
    learnt, asked = (((vectors(pack) - mean) / deviation).cpu().numpy() for pack in (train, val))
    model = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=1000).fit(learnt, _classes(train))
    truth = _classes(val)
    right = float(recall_score(truth, model.predict(asked), labels=np.unique(truth), average="macro"))
    weight, bias = (torch.from_numpy(part).float().to(device) for part in (model.coef_, model.intercept_))
    return Fitted(scale, mean, deviation, weight, bias, right)


def _classes(pack: LabelledPack) -> Int64[np.ndarray, " n"]:
    """The class of each image, counted without the background."""
    return pack.foreground_pixels.argmax(1)
