"""A linear classifier in closed form: ridge regression of class indicators, with balanced classes."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

from common.data.classes import IGNORE


@dataclass(frozen=True)
class LinearClassifier:
    """Scores of each class as a linear function of features."""

    weight: Float[Tensor, "k d"]
    bias: Float[Tensor, " k"]

    def __call__(self, maps: Sequence[Float[Tensor, "n _ _ _"]], size: tuple[int, int]) -> Float[Tensor, "n k h w"]:
        """The logits of maps that are enlarged to `size` (height, width) and stacked.

        A linear function and a bilinear enlargement can change places: what is enlarged here are few logits.
        """
        logits = self.bias.view(1, -1, 1, 1)
        for part, features in zip(self.weight.split([m.shape[1] for m in maps], 1), maps, strict=True):
            small = F.conv2d(features, part[:, :, None, None])
            logits = logits + F.interpolate(small, size=size, mode="bilinear", align_corners=False)
        return logits

    def to(self, device: torch.device) -> "LinearClassifier":
        """The same classifier on another device."""
        return LinearClassifier(self.weight.to(device), self.bias.to(device))


@dataclass(frozen=True)
class GramMatrix:
    """All that ridge regression needs to know of a labelled sample, for any choice among its features."""

    mean: Float[Tensor, " d"]
    std: Float[Tensor, " d"]
    gram: Float[Tensor, "d d"]
    """Mean product of two standardised features."""
    cross: Float[Tensor, "d k"]
    """Mean product of a standardised feature and a class indicator."""
    shares: Float[Tensor, " k"]
    """Weight of each class in the sample: 1/k, but 0 for a class that it lacks."""

    @classmethod
    def of(cls, features: Float[Tensor, "m d"], labels: Int64[Tensor, " m"], num_classes: int) -> "GramMatrix":
        """Weigh the rows so that every class has equal weight; leave out rows labelled 255."""
        known = labels != IGNORE
        features, labels = features[known], labels[known]
        counts = torch.bincount(labels, minlength=num_classes)
        shares = (counts > 0) / (counts > 0).sum()
        weight = (shares / counts.clamp(min=1))[labels]
        mean = weight @ features
        centred = features - mean
        std = (weight @ centred.square()).sqrt()
        scaled = centred / std.clamp(min=1e-6)
        weighted = scaled * weight[:, None]
        cross = weighted.T @ F.one_hot(labels, num_classes).to(features.dtype)
        return cls(mean, std, weighted.T @ scaled, cross, shares)

    def solve(self, columns: slice, *, penalty: float) -> LinearClassifier:
        """The classifier on the features in `columns`; `penalty` is that of the standardised, mean-square error.

        Source: Hastie, Tibshirani, Friedman 2009, The Elements of Statistical Learning, eq. 3.44 and section 4.2.
        Deviation: the intercept is not penalised; rows are weighted, which the book's are not.
        """
        gram = self.gram[columns, columns].double()
        inverse = torch.linalg.cholesky(gram + penalty * torch.eye(len(gram), dtype=gram.dtype))
        coefficients = torch.cholesky_solve(self.cross[columns].double(), inverse).to(self.cross.dtype)
        weight = coefficients.T / self.std[columns].clamp(min=1e-6)
        return LinearClassifier(weight, self.shares - weight @ self.mean[columns])
