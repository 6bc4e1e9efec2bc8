"""How closely predicted boundaries follow the true ones."""

import math

import cv2
import numpy as np
from jaxtyping import Float64, Int64, UInt8
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from common.data.classes import IGNORE

TOLERANCE = 0.0075
"""How far a boundary may lie off, as a share of the image's diagonal."""
LEAST_VISIBLE = 0.25
"""Share of an image's true boundaries that must lie between labelled pixels."""


def boundary_counts(
    prediction: Int64[Tensor, "n h w"], mask: Int64[Tensor, "n h w"], num_classes: int
) -> Int64[np.ndarray, "n k 4"]:
    """Count, for each image and class: predicted boundary pixels near the true ones, all predicted; the same of true.

    The boundary of a class is the set of its pixels with a labelled 4-neighbour of another class: neither the edge of
    the image nor unlabelled pixels make one. Near means within the tolerance. Unlabelled pixels are ignored in the
    prediction too. An image whose boundaries they hide, such as a trimap's, has no counts: what is left is no measure.
    """
    truths = np.where(mask.cpu().numpy() == IGNORE, IGNORE, mask.cpu().numpy()).astype(np.uint8)
    guesses = np.where(truths == IGNORE, IGNORE, prediction.cpu().numpy()).astype(np.uint8)
    disk = _disk(tolerance_pixels(*truths.shape[1:]))
    counts = np.zeros((len(truths), num_classes, 4), dtype=np.int64)
    for row, guess, truth in zip(counts, guesses, truths, strict=True):
        if _visible(truth) < LEAST_VISIBLE:
            continue
        for k in range(num_classes):
            ours, theirs = _boundary(guess, k), _boundary(truth, k)
            near_ours, near_theirs = cv2.dilate(ours, disk), cv2.dilate(theirs, disk)
            row[k] = ((ours & near_theirs).sum(), ours.sum(), (theirs & near_ours).sum(), theirs.sum())
    return counts


def boundary_f(counts: Int64[np.ndarray, "n k 4"]) -> Float64[np.ndarray, "n k"]:
    """The F-score of every image's boundaries, class by class: 1 where they agree, 0 for a class on one side only.

    NaN for a class without a boundary on either side.

    Source: Csurka et al. 2013, What is a good evaluation measure for semantic segmentation?, section 3.2 (BF score).
    Deviation: the tolerance of 0.75 % of the diagonal is rounded up to whole pixels.
    """
    right, predicted, recalled, true = np.moveaxis(counts.astype(np.float64), -1, 0)
    precision, recall = right / np.maximum(predicted, 1), recalled / np.maximum(true, 1)
    both = np.maximum(precision + recall, 1e-300)
    return np.where(predicted + true > 0, 2 * precision * recall / both, np.nan)


def tolerance_pixels(height: int, width: int) -> int:
    """How many pixels a boundary may lie off in images of this size; at least one."""
    return max(1, math.ceil(TOLERANCE * math.hypot(height, width)))


def _boundary(classes: UInt8[np.ndarray, "h w"], k: int) -> UInt8[np.ndarray, "h w"]:
    inside, others = classes == k, (classes != k) & (classes != IGNORE)
    beside = cv2.dilate(others.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)))
    return inside & beside


def _visible(truth: UInt8[np.ndarray, "h w"]) -> float:
    """The share of boundaries between labelled pixels, where the unlabelled ones have the class of the nearest."""
    unlabelled = truth == IGNORE
    if not unlabelled.any() or unlabelled.all():
        return 1.0
    rows, columns = np.asarray(distance_transform_edt(unlabelled, return_distances=False, return_indices=True))
    known, filled = np.unique(truth[~unlabelled]).tolist(), truth[rows, columns]
    seen, whole = (sum(int(_boundary(classes, k).sum()) for k in known) for classes in (truth, filled))
    return seen / whole if whole else 1.0


def _disk(radius: int) -> UInt8[np.ndarray, "d d"]:
    steps = np.arange(-radius, radius + 1)
    return (steps[:, None] ** 2 + steps**2 <= radius**2).astype(np.uint8)
