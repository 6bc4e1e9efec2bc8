"""The list of the worst images: worst.csv, and the same on a page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.report.gallery import Listing
from common.rows import csv_text, write_csv
from transfer.metrics.scores import Scores

WORST = "worst.csv"
LISTED = 500
"""Images, at most, of the list on a page."""


def worst_images(keys: Sequence[str], scores: Scores) -> list[dict[str, Any]]:
    """A row for each image, the worst first: its scores, and which class was taken for which other one most.

    "share" is that of the labelled pixels. Images without a score come last.
    """
    score, accuracy = scores.per_image["mean_iou"], scores.per_image["pixel_accuracy"]
    order = np.argsort(np.where(np.isnan(score), np.inf, score), kind="stable").tolist()
    scored, right = score.tolist(), accuracy.tolist()
    return [
        {
            "image": keys[index],
            "mean_iou": _rounded(scored[index]),
            "pixel_accuracy": _rounded(right[index]),
            **_main_confusion(scores.counts[index], scores.names),
        }
        for index in order
    ]


def write_worst(folder: Path, keys: Sequence[str], scores: Scores) -> None:
    """Write the list into a folder."""
    write_csv(folder / WORST, worst_images(keys, scores))


def worst_listing(keys: Sequence[str], scores: Scores) -> Listing:
    """The list for a page: of many images no more than the LISTED worst."""
    rows = worst_images(keys, scores)[:LISTED]
    cut = "" if len(rows) == len(keys) else f" (the first {len(rows):,} of {len(keys):,})"
    return Listing(WORST, csv_text(rows), f"{WORST}: images from the worst on, and what was taken for what{cut}")


def _main_confusion(counts: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    wrong = counts * (1 - np.eye(len(counts), dtype=np.int64))
    true, predicted = divmod(int(wrong.argmax()), len(wrong))
    found = wrong[true, predicted] > 0
    return {
        "true": names[true] if found else None,
        "predicted": names[predicted] if found else None,
        "share": _rounded(wrong[true, predicted] / counts.sum()) if found else None,
    }


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)
