"""How good segmentations are, from confusion matrices; border pixels (255) are never counted."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from common.data.classes import IGNORE

PER_CLASS = ("iou", "dice", "precision", "recall")


def confusion(
    prediction: Int64[Tensor, "n h w"], mask: Int64[Tensor, "n h w"], num_classes: int
) -> Int64[Tensor, "n k k"]:
    """Counts, for each image, how many pixels of the class in the row were taken for the class in the column.

    Ignored pixels are left out. A dataset's matrix is the sum over its images.
    """
    labelled = mask != IGNORE
    image, *_ = labelled.nonzero(as_tuple=True)
    truth, guess = mask[labelled], prediction[labelled]
    assert ((truth < num_classes) & (guess < num_classes)).all(), "a class index beyond num_classes"
    cell = (image * num_classes + truth) * num_classes + guess
    counts = torch.bincount(cell, minlength=len(mask) * num_classes**2)
    return counts.reshape(len(mask), num_classes, num_classes)


def scores(confusion: Int64[Tensor, "*n k k"]) -> dict[str, Float64[Tensor, "..."]]:
    """Turns a confusion matrix into pixel accuracy, and IoU, Dice, precision and recall by class and in mean.

    All in [0, 1]. A class in neither truth nor prediction has NaN, and the means leave it out. A class in one
    of them only scores 0 in all four, also where a ratio is 0 / 0 (the precision of a class never predicted).
    A mean of nothing is NaN: every one where nothing is labelled, the foreground's where all is background.

    Source: pixel accuracy and IoU, Long et al. 2015, arXiv 1411.4038, section 5; Dice 1945,
    doi 10.2307/1932409; precision and recall as in scikit-learn with zero_division=0.
    Deviation: the means leave absent classes out.
    """
    hits = confusion.diagonal(dim1=-2, dim2=-1).double()
    truth, predicted = confusion.sum(-1).double(), confusion.sum(-2).double()
    ratios = {
        "iou": (hits, truth + predicted - hits),
        "dice": (2 * hits, truth + predicted),
        "precision": (hits, predicted),
        "recall": (hits, truth),
    }
    seen = truth + predicted > 0
    classes = {name: (top / bottom.clamp(min=1)).where(seen, math.nan) for name, (top, bottom) in ratios.items()}
    return {
        "pixel_accuracy": hits.sum(-1) / truth.sum(-1),
        "mean_foreground_dice": classes["dice"][..., 1:].nanmean(-1),
        **{f"mean_{name}": value.nanmean(-1) for name, value in classes.items()},
        **classes,
    }


def image_means(confusions: Int64[Tensor, "n k k"]) -> dict[str, Float64[Tensor, "..."]]:
    """The same scores, taken image by image and then averaged over the images where they exist."""
    return {name: value.nanmean(0) for name, value in scores(confusions).items()}


def report(confusions: Int64[Tensor, "n k k"], names: Sequence[str]) -> dict[str, Any]:
    """Lays out what metrics.json says about a set of images.

    The scores of all its pixels, and under "image_mean" the means of its images' own scores; None where a
    score doesn't exist. `names`: one for each class.
    """
    dataset = _by_class(scores(confusions.sum(0)), names)
    return {**dataset, "image_mean": _by_class(image_means(confusions), names)}


def silent_classes(confusion: Int64[Tensor, "k k"], names: Sequence[str]) -> list[str]:
    """Names the classes that the truth contains and the network never predicts."""
    silent = (confusion.sum(1) > 0) & (confusion.sum(0) == 0)
    return [name for name, is_silent in zip(names, silent.tolist(), strict=True) if is_silent]


def _by_class(values: Mapping[str, Tensor], names: Sequence[str]) -> dict[str, Any]:
    means = {name: _number(value) for name, value in values.items() if name not in PER_CLASS}
    columns = zip(names, *(values[metric] for metric in PER_CLASS), strict=True)
    per_class = {name: dict(zip(PER_CLASS, map(_number, column), strict=True)) for name, *column in columns}
    return {**means, "per_class": per_class}


def _number(value: Tensor) -> float | None:
    return None if value.isnan() else value.item()
