"""How good segmentations are, from confusion matrices; border pixels (255) are never counted."""

import math

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from common.data.classes import IGNORE

PER_CLASS = ("iou", "dice", "precision", "recall")


def classes_of(scores: Float[Tensor, "n k h w"]) -> Int64[Tensor, "n h w"]:
    """The class of the highest score in each pixel, and of equal ones the first: `argmax`, several times as fast."""
    return scores.max(1).indices


def confusion(
    prediction: Int64[Tensor, "n h w"], mask: Int64[Tensor, "n h w"], num_classes: int
) -> Int64[Tensor, "n k k"]:
    """Count, for each image, how many pixels of the class in the row were predicted as the class in the column.

    Ignored pixels are left out. A dataset's matrix is the sum over its images.
    """
    labelled, rows = mask != IGNORE, num_classes + 1  # the row before the classes takes what is not labelled
    truth, guess = (mask + 1).where(labelled, 0), prediction.where(labelled, 0)
    assert ((truth < rows) & (guess < num_classes)).all(), "a class index beyond num_classes"
    image = torch.arange(len(mask), device=mask.device).view(-1, 1, 1)
    cell = (image * rows + truth) * num_classes + guess
    counts = torch.bincount(cell.flatten(), minlength=len(mask) * rows * num_classes)
    return counts.view(len(mask), rows, num_classes)[:, 1:]


def confusion_scores(
    confusion: Int64[np.ndarray, "*n k k"], background: int | None = 0
) -> dict[str, Float64[np.ndarray, "..."]]:
    """Turn confusion matrices into pixel accuracy, and IoU, Dice, precision and recall by class and in mean.

    All in [0, 1]. A class in neither truth nor prediction has NaN, and the means leave it out. A class in one
    of them only scores 0 in all four, also where a ratio is 0 / 0 (the precision of a class never predicted).
    A mean of nothing is NaN: every one where nothing is labelled, the foreground's where all is background. Without a
    `background` the foreground is every class.

    Source: pixel accuracy and IoU, Long et al. 2015, arXiv 1411.4038, section 5; Dice 1945,
    doi 10.2307/1932409; precision and recall as in scikit-learn with zero_division=0.
    Deviation: the means leave absent classes out.
    """
    hits = confusion.diagonal(axis1=-2, axis2=-1).astype(np.float64)
    truth, predicted = confusion.sum(-1).astype(np.float64), confusion.sum(-2).astype(np.float64)
    ratios = {
        "iou": (hits, truth + predicted - hits),
        "dice": (2 * hits, truth + predicted),
        "precision": (hits, predicted),
        "recall": (hits, truth),
    }
    seen, labelled = truth + predicted > 0, truth.sum(-1)
    classes = {name: np.where(seen, top / np.maximum(bottom, 1), math.nan) for name, (top, bottom) in ratios.items()}
    return {
        "pixel_accuracy": np.where(labelled > 0, hits.sum(-1) / np.maximum(labelled, 1), math.nan),
        "mean_foreground_dice": mean_of_known(_without(classes["dice"], background), axis=-1),
        **{f"mean_{name}": mean_of_known(value, axis=-1) for name, value in classes.items()},
        **classes,
    }


def chance_level(pixels: Int64[np.ndarray, " k"]) -> tuple[int, float]:
    """The commonest class, and the mean IoU of naming it for every pixel; `pixels` counts those of each class.

    NaN where no pixel is labelled. The other classes that are there have an IoU of 0.
    """
    most, classes = int(pixels.argmax()), int((pixels > 0).sum())
    return most, float(pixels[most] / pixels.sum() / classes) if classes else math.nan


def _without(values: Float64[np.ndarray, "*n k"], index: int | None) -> Float64[np.ndarray, "..."]:
    return values if index is None else np.delete(values, index, axis=-1)


def mean_of_known(values: Float64[np.ndarray, "..."], *, axis: int) -> Float64[np.ndarray, "..."]:
    """Average over one axis without its NaN; NaN where there is nothing else.

    By torch, because NumPy warns of means of nothing, and adds in another order: figures would change in the last bit.
    """
    return torch.from_numpy(values).nanmean(axis).numpy()
