"""Figures of phase 2: truth, prediction, errors, confidence, activation maps, confusion and calibration."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import UInt8
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from common.colours import PALETTE, colour_of, heat
from common.data.batches import read_batch
from common.data.pack import LabelledPack, Pack
from common.figures import grid, in_legend, legend_beside, to_bytes
from common.metrics import classes_of, confusion
from transfer.colours import paint, paint_errors
from transfer.gradcam.cam import Explained, default_layers, overlay_heat, upscale
from transfer.metrics.calibration import probabilities
from transfer.metrics.quality import Quality, by_size
from transfer.metrics.scores import Scores
from transfer.model import SegmentationNet
from transfer.report.gallery import shown_classes

SHORT = 4
"""Names of classes, up to which they stand side by side under a figure."""
WRITTEN = 30
"""Classes, up to which shares are written into the picture of a confusion matrix: those of 60 took a gigabyte."""


@torch.no_grad()
def sample_grid(
    net: SegmentationNet,
    pack: LabelledPack,
    indices: Sequence[int],
    names: Sequence[str],
    *,
    device: torch.device,
    temperature: float = 1.0,
) -> UInt8[np.ndarray, "h w 3"]:
    """A row for each image: image, truth, prediction, errors, and the confidence of classes in `names`.

    These are at most SHOWN, those with most pixels: see `shown_classes`.

    Errors: white right, red foreground missed, violet foreground invented, turquoise a wrong
    foreground class, hatched not labelled. Confidence: probability from 0 (dark) to 1 (bright), by the `temperature`.
    """
    net.eval()
    batch = read_batch(pack, np.asarray(indices), device)
    assert batch.mask is not None, "a picture of truth and prediction needs masks"
    logits = net(batch.image)
    probability = probabilities(logits, temperature).cpu()
    truth, prediction = batch.mask.cpu(), classes_of(logits).cpu()
    columns = {
        "image": to_bytes(batch.image),
        "truth": paint(truth),
        "prediction": paint(prediction),
        "errors": paint_errors(prediction, truth, pack.background),
    }
    for k in shown_classes(confusion(prediction, truth, len(names)).sum(0).numpy()):
        columns[f"confidence: {names[k]}"] = heat(probability[:, k].numpy(), "viridis")
    return grid(columns)


def activation_grid(
    net: SegmentationNet, pack: Pack, indices: Sequence[int], names: Sequence[str], *, device: torch.device
) -> UInt8[np.ndarray, "h w 3"]:
    """A row for each image: the image, and the activation of classes in a map of the encoder and the decoder's last.

    See `class_activation`. Classes are at most SHOWN, those predicted most; the map of one that is predicted nowhere in
    an image is dark.
    """
    image = read_batch(pack, np.asarray(indices), device).image
    photos, size = to_bytes(image), (image.shape[2], image.shape[3])
    columns = {"image": photos}
    layers = default_layers(net, size[0])
    explained = Explained(net, image, list(layers.values()))
    predicted = classes_of(explained.logits).flatten().bincount(minlength=len(names)).cpu().numpy()
    by_class = {k: explained.maps(k) for k in shown_classes(np.diag(predicted))}
    for part, layer in layers.items():
        for k, answers in by_class.items():
            maps = upscale(answers[layer].map, size).cpu().numpy()
            columns[f"{part}: {names[k]}"] = np.stack([overlay_heat(*pair) for pair in zip(photos, maps, strict=True)])
    return grid(columns)


def confusion_figure(scores: Scores) -> Figure:
    """The confusion matrix, each row as shares of that true class."""
    names, shares = scores.names, scores.total / np.maximum(scores.total.sum(1, keepdims=True), 1)
    side, many = 2.2 + 0.8 * min(len(names), WRITTEN), len(names) > WRITTEN
    figure = Figure(figsize=(side, side * 0.9), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names, **({} if len(names) <= SHORT else {"rotation": 40, "ha": "right"}))
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.tick_params(labelsize="xx-small" if many else None)
    for (i, j), share in () if many else np.ndenumerate(shares):
        axes.text(j, i, f"{share:.2f}", ha="center", va="center", color="white" if share > 0.5 else "black")
    return figure


def quality_figure(quality: Quality, scores: Scores) -> Figure:
    """Precision against recall, the reliability diagram, and IoU against object size."""
    figure, names = Figure(figsize=(17, 4.2), layout="constrained"), scores.names
    thresholds, reliability, sizes = figure.subplots(1, 3)
    precision, recall = (column.numpy() for column in quality.precision_recall.curves())
    confidence, accuracy = (column.numpy() for column in quality.calibration.after.diagram())
    for k, name in enumerate(names):
        thresholds.plot(recall[k], precision[k], color=colour_of(k) / 255, label=in_legend(name))
    for k, (shares, ious) in enumerate(by_size(scores)):
        if k != scores.background:
            colour, marker = colour_of(k) / 255, "os^Dv"[k % 5]
            sizes.scatter(shares, ious, s=12, color=colour, marker=marker, label=in_legend(names[k]), alpha=0.7)
    reliability.plot([0, 1], [0, 1], color="black", linestyle=":")
    reliability.plot(confidence, accuracy, color=PALETTE[5] / 255, marker="o")
    thresholds.set(title="precision and recall", xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    before, after = quality.calibration.errors
    if quality.calibration.fitted:
        reliability.plot(*quality.calibration.before.diagram(), color=PALETTE[5] / 255, marker="o", alpha=0.3)
    told = f"{before:.3f} before, {after:.3f} after calibration" if quality.calibration.fitted else f"{after:.3f}"
    title = f"reliability, calibration error {told}"
    reliability.set(title=title, xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1.02))
    sizes.set(
        title="IoU against object size",
        xlabel="share of the labelled pixels",
        ylabel="IoU",
        xscale="log",
        ylim=(0, 1.02),
    )
    sizes.xaxis.set_major_formatter(LogFormatter())  # the usual one writes formulas
    sizes.xaxis.set_minor_formatter(LogFormatter())
    legend_beside(thresholds)
    legend_beside(sizes)
    return figure
