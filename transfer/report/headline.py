"""The head of a phase 2 page: title, verdict and main scores."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from common.intervals import LEAST_IMAGES, Interval, too_few
from common.metrics import chance_level
from common.models.parts import DECODERS
from common.report.blocks import interval_position, three_digits
from common.report.page import Tile
from common.run.notes import data_name
from common.run.records import Receipt
from common.words import counted
from transfer.config import TransferConfig
from transfer.metrics.quality import Quality
from transfer.metrics.scores import Scores


def title(config: TransferConfig, receipt: Receipt) -> str:
    """The data set, the decoder and the encoder; or the network that was trained further."""
    source = receipt.source
    if config.encoder.init_from is not None:
        return f"{data_name(config.data)}: {_short(source).replace('the encoder of', 'trained further from', 1)}"
    decoder = DECODERS[config.decoder.decoder].words
    decoder = "its own decoder" if "decoder" in receipt.parts else f"a {decoder} decoder"
    return f"{data_name(config.data)}: {decoder} on {_short(source)}"


def main_figures(scores: Scores) -> dict[str, Interval]:
    """The main scores by their name on the page, with 95 % intervals."""
    main = {"mean IoU": "mean_iou", scores.dice_words: "mean_foreground_dice", "pixel accuracy": "pixel_accuracy"}
    return {name: scores.interval(metric) for name, metric in main.items()}


def tiles(figures: Mapping[str, Interval], quality: Quality, *, images: int) -> list[Tile]:
    """The main scores and, from 8 images on, the calibration as tiles."""
    if images < LEAST_IMAGES:
        return [*score_tiles(figures), Tile("calibration error", "-", f"not measured on {counted(images, 'image')}")]
    error = three_digits(quality.calibration.errors[1])
    return [*score_tiles(figures), Tile("calibration error", error, "mean gap between confidence and accuracy")]


def score_tiles(figures: Mapping[str, Interval]) -> list[Tile]:
    """The main scores as tiles."""
    main = []
    for name, sure in figures.items():
        known = not math.isnan(sure.low)
        detail = f"95 %: {sure.low:.3f} to {sure.high:.3f}" if known else "no interval from one image"
        main.append(Tile(name, three_digits(sure.value), detail, interval_position(*sure)))
    return main


def verdict(sure: Interval, scores: Scores, split: str) -> str:
    """The scores of a network in a sentence; `sure` is its mean IoU."""
    names, iou = scores.names, scores.per_class["iou"]
    images = counted(len(scores), "image" if split == "all" else f"{split} image")
    if math.isnan(sure.value):
        return f"There is nothing to score: no pixel of the {images} is labelled."
    said = f"Mean IoU {sure.value:.3f} on {images}"
    if not math.isnan(sure.low):
        said += f" (95 % interval {sure.low:.3f} to {sure.high:.3f})"
    known = [k for k in range(len(names)) if not math.isnan(iou[k])]
    best, worst = max(known, key=lambda k: iou[k]), min(known, key=lambda k: iou[k])
    if len(known) == 1:
        return f"{said}; {names[best]} is the only class in the images."
    if iou[best] == iou[worst]:
        return f"{said}: every class has {iou[best]:.3f}."
    return f"{said}: strongest at {names[best]} ({iou[best]:.3f}), weakest at {names[worst]} ({iou[worst]:.3f})."


def score_warnings(scores: Scores) -> list[str]:
    """What to know before the scores: too few images, classes that are in no prediction, or less than a guess."""
    lack = too_few(images=len(scores))
    silent = scores.silent_classes
    most, _ = chance_level(scores.total.sum(1))
    told = [f"worse than guessing {scores.names[most]} for every pixel"] if worse_than_guessing(scores) else []
    if silent:
        told = [
            f"class {silent[0]} is never predicted" if len(silent) == 1 else f"never predicted: {', '.join(silent)}"
        ]
    return [*([lack] if lack else []), *told]


def worse_than_guessing(scores: Scores) -> bool:
    """Whether the best constant answer scores more."""
    return scores.mean_iou < chance_level(scores.total.sum(1))[1]


def _short(source: str) -> str:
    """The receipt's word for an encoder, with no more than the end of a path."""
    path, bracket, rest = source.partition(" (")
    if source.startswith("scratch"):
        return f"an encoder from {source}"
    if source.startswith("ImageNet"):
        return f"an encoder with {path} weights{bracket}{rest}"
    return f"the encoder of {'/'.join(Path(path).parts[-2:])}{bracket}{rest}"


def constant_guess(pixels: Int64[np.ndarray, " k"], names: Sequence[str]) -> str:
    """What the best constant answer scores on images with so many pixels of each class, in a sentence; "" of none."""
    most, iou = chance_level(pixels)
    return "" if math.isnan(iou) else f"Guessing {names[most]} for every pixel has mean IoU {iou:.3f}"
