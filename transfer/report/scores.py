"""The figures of a phase 2 page: tables, confusion, precision and recall, calibration, outlines, sizes."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64

from common.intervals import LEAST_IMAGES
from common.report.blocks import Axis, Chart, Series, TableCell, interval_position, matrix, number, table, three_digits
from common.report.page import Block
from common.rows import Panels
from transfer.colours import class_colour
from transfer.losses.registry import TERMS
from transfer.metrics.boundary import TOLERANCE
from transfer.metrics.quality import Quality, by_size
from transfer.metrics.scores import Scores
from transfer.report.reliability import reliability_block

SIZES = 6
"""Groups of images of about equal number, for the line of medians over sizes."""


def score_blocks(scores: Scores, quality: Quality) -> list[Block]:
    """The table of the classes, the confusion matrix, and scores against sizes."""
    return [_class_table(scores, quality), confusion_block(scores.total, scores.names), *_sizes(scores)]


def _class_table(scores: Scores, quality: Quality) -> Block:
    outline, area = _class_means(quality.boundary), quality.precision_recall.average_precision()
    sure = scores.intervals("iou")
    rows = []
    for k, name in enumerate(scores.names):
        iou, low, high = sure[k]
        ends = "-" if math.isnan(low) else f"{low:.3f} to {high:.3f}"
        cells = [number(iou, ".3f", interval=interval_position(iou, low, high)), TableCell(ends)]
        cells += [number(float(scores.per_class[metric][k]), ".3f") for metric in ("dice", "precision", "recall")]
        rows.append(
            [
                name,
                *cells,
                number(area[k].item(), ".3f"),
                number(outline[k], ".3f"),
                number(float(scores.image_means["iou"][k]), ".3f"),
            ]
        )
    heads = [
        "class",
        "IoU",
        "95 % interval",
        "Dice",
        "precision",
        "recall",
        "average precision",
        "boundary F",
        "IoU, image mean",
    ]
    note = (
        "Scores are over all pixels; the last two columns are means over images with the class. A class only true or "
        "only predicted scores 0 there. Boundary F: the tolerance is "
        f"{TOLERANCE:.2%} of the diagonal, at least a pixel; unlabelled pixels make no outline, "
        "and images whose outlines they hide are left out. A dash: the class, or its outline, is absent or hidden."
    )
    return table("Classes", heads, rows, note=note)


def confusion_block(total: Int64[np.ndarray, "k k"], names: Sequence[str]) -> Block:
    """The confusion matrix of all pixels together."""
    rows = total.sum(1, keepdims=True)
    shares = np.where(rows > 0, total / np.maximum(rows, 1), np.nan)
    words = [[f"{count:,} px" for count in line] for line in total.tolist()]
    note = "Each row sums to 100 %: the predictions for the pixels of a true class."
    return matrix("Confusion", names, shares, words, note=note, width="half" if len(names) <= 4 else "")


def threshold_blocks(names: Sequence[str], quality: Quality, *, images: int) -> list[Block]:
    """Precision against recall for each class and, from 8 images on, the reliability diagram."""
    precision, recall = (column.numpy() for column in quality.precision_recall.curves())
    area = quality.precision_recall.average_precision()
    series = [
        Series(f"{name}, area {three_digits(area[k].item())}", recall[k], precision[k], colour=class_colour(k))
        for k, name in enumerate(names)
        if not math.isnan(area[k].item())
    ]
    share = Axis("recall", min=0, max=1)
    curve = Chart(share, Axis("precision", min=0, max=1), series)
    note = "For each class, at every threshold of its probability. The area is the average precision."
    if images < LEAST_IMAGES:
        note += f" Calibration is left out: it is drawn from {LEAST_IMAGES} images on."
        return [curve.block("Precision and recall", note=note, width="half")]
    return [curve.block("Precision and recall", note=note, width="half"), reliability_block(quality.calibration)]


def _sizes(scores: Scores) -> list[Block]:
    """IoU against the share of an image that a foreground class takes up; empty if no image has any."""
    series, names = [], scores.names
    for k, (sizes, ious) in enumerate(by_size(scores)):
        if k == scores.background or len(sizes) == 0:
            continue
        colour = class_colour(k)
        series.append(Series(names[k], sizes, ious, points=True, colour=colour))
        if len(sizes) >= 4 * SIZES:
            series.append(Series(f"{names[k]}, median of a sixth", *_medians(sizes, ious), colour=colour))
    if not series:
        return []
    chart = Chart(Axis("share of the labelled pixels", log=True), Axis("IoU", min=0, max=1), series)
    kind = "class" if scores.background is None else "foreground class"
    note = f"One point per image and {kind}. All pixels of a class in an image count as one object."
    return [chart.block("IoU against object size", note=note, width="half" if len(names) <= 4 else "")]


def _medians(sizes: Float64[np.ndarray, " m"], ious: Float64[np.ndarray, " m"]) -> tuple[list[float], list[float]]:
    groups = np.array_split(np.argsort(sizes, kind="stable"), SIZES)
    return [float(np.median(sizes[one])) for one in groups], [float(np.median(ious[one])) for one in groups]


def _class_means(values: Float64[np.ndarray, "n k"]) -> list[float]:
    columns = [column[~np.isnan(column)] for column in values.T]
    return [float(column.mean()) if len(column) else math.nan for column in columns]


def panels(names: Sequence[str]) -> Panels:
    """The charts of a training, on the page and in curves.png."""
    return {
        "Loss": {"train/loss": "train", "val/loss": "validation"},
        "Mean IoU": {"train/mean_iou": "train", "val/mean_iou": "validation"},
        "Network and its teacher, validation": {
            "val/student_mean_iou": "network",
            "val/teacher_mean_iou": "teacher, its average",
            "val/both_mean_iou": "mean of both, which chooses the epoch",
        },
        "IoU of each class, validation": {f"val/iou_{name}": name for name in names},
        "Loss terms": {
            **{f"train/{name}": f"train {term.words}" for name, term in TERMS.items()},
            "train/pool": "train, photographs",
        },
        "Predicted share of each class": {f"val/predicted_{name}": name for name in names},
        "Photographs used, share of pixels": {
            "train/pool_used": "all",
            **{f"train/pool_share_{name}": name for name in names},
            "train/pool_figure": "foreground of no class",
        },
        "Classes of images by the teacher's vote, validation": {"val/votes_right": "right, mean of the classes"},
        "Learning rate": {"lr": "rate"},
        "Gradient norm": {"train/grad_norm": "norm"},
    }


def panel_colours(names: Sequence[str]) -> dict[str, str]:
    """The colour of a class for its columns of metrics.csv; that behind the last for foreground of no class."""
    kinds = ("val/iou_", "val/predicted_", "train/pool_share_")
    known = {f"{kind}{name}": class_colour(k) for kind in kinds for k, name in enumerate(names)}
    return {**known, "train/pool_figure": class_colour(len(names))}
