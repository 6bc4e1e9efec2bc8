"""The gallery of a comparison page: the predictions of every run, as layers to switch."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float64

from common.data.batches import read_batch
from common.data.pack import LabelledPack
from common.figures import to_bytes
from common.metrics import classes_of
from common.report.blocks import three_digits
from common.report.gallery import Gallery, Item, Layer, Order, fill_gallery
from common.report.images import class_map, drawing, photograph
from common.report.page import Block, NothingToShowError
from common.report.selection import some_of, worst_best_between
from transfer.colours import class_legend, clear_of, error_legend, paint, paint_errors
from transfer.compare.finished_run import FinishedRun
from transfer.model import SegmentationNet


def gallery(
    runs: Sequence[FinishedRun], networks: Mapping[str, tuple[SegmentationNet, LabelledPack]], device: torch.device
) -> Block:
    """Test images with truth and every run's prediction and errors as layers, largest differences first.

    Of more than MOST images it shows the largest and smallest differences and some between; fewer if too large.
    """
    scores = np.stack([run.scores.per_image["mean_iou"] for run in runs])
    apart = spread_of_images(scores)
    order, count = worst_best_between(-apart), len(runs[0].keys)
    if not order:
        raise NothingToShowError("there is no image")

    def draw(chosen: Sequence[int]) -> list[Item]:
        drawn = zip(chosen, _layers(networks, chosen, device), strict=True)
        return [_item(runs, index, scores[:, index], float(apart[index]), *pictures) for index, pictures in drawn]

    items = fill_gallery(order, draw)
    names = runs[0].scores.names
    filled = Gallery(
        items=items,
        layers=_layer_list(runs),
        orders=[
            Order("largest difference first", "apart", -1),
            *(Order(f"worst of {run.name} first", f"run-{index}") for index, run in enumerate(runs)),
            Order("by name", "name"),
        ],
        start="run-0",
        classes=names,
        kinds=names,
        kinds_label="images with",
        figure_heads=["run", "mean IoU"],
    )
    return filled.block(some_of(len(items), count, "the largest and the smallest differences, and some between"))


def spread_of_images(scores: Float64[np.ndarray, "runs n"]) -> Float64[np.ndarray, " n"]:
    """How far the scores of runs lie apart on each image; 0 on one that has none."""
    return np.nan_to_num(np.fmax.reduce(scores) - np.fmin.reduce(scores))


@torch.no_grad()
def _layers(
    networks: Mapping[str, tuple[SegmentationNet, LabelledPack]], indices: Sequence[int], device: torch.device
) -> list[tuple[dict[str, str], dict[str, str]]]:
    """Layers and class maps of some images, every run at its own resolution."""
    found: list[tuple[dict[str, str], dict[str, str]]] = [({}, {}) for _ in indices]
    background = next(iter(networks.values()))[1].background
    for run, (name, (net, pack)) in enumerate(networks.items()):
        batch = read_batch(pack, np.asarray(indices), device)
        truth, prediction = batch.mask.cpu(), classes_of(net(batch.image)).cpu()
        painted, wrong, pictures = paint(prediction), paint_errors(prediction, truth, background), to_bytes(batch.image)
        for row, (layers, maps) in enumerate(found):
            if run == 0:
                layers["image"] = photograph(pictures[row])
                layers["truth"] = drawing(
                    paint(truth[row : row + 1])[0], clear=clear_of(truth[row : row + 1], background)[0]
                )
                maps["truth"] = class_map(truth[row].byte().numpy())
            layers[f"run-{run}"] = drawing(painted[row], clear=clear_of(prediction[row : row + 1], background)[0])
            layers[f"errors-{run}"] = drawing(wrong[row], clear=(wrong[row] == 255).all(-1))
            maps[name] = class_map(prediction[row].byte().numpy())
    return found


def _item(
    runs: Sequence[FinishedRun],
    index: int,
    scores: np.ndarray,
    apart: float,
    layers: Mapping[str, str],
    maps: Mapping[str, str],
) -> Item:
    """One image with the score of every run."""
    sort = {f"run-{i}": None if math.isnan(score) else float(score) for i, score in enumerate(scores)}
    counts = np.sum([run.scores.counts[index] for run in runs], axis=0)
    return Item(
        id=str(index),
        name=runs[0].keys[index],
        badge=f"range {apart:.2f}",
        layers=layers,
        sort={**sort, "apart": apart, "name": runs[0].keys[index]},
        kinds=np.flatnonzero(counts.sum(0) + counts.sum(1)).tolist(),
        figures=[[run.name, three_digits(score)] for run, score in zip(runs, scores.tolist(), strict=True)],
        maps=maps,
    )


def _layer_list(runs: Sequence[FinishedRun]) -> list[Layer]:
    """The truth, and every run's predictions and errors."""
    names, background = runs[0].scores.names, runs[0].scores.background
    classes = class_legend(names, background)
    return [
        Layer(key="truth", name="truth", crisp=True, legend=class_legend(names, background, unlabelled=True)),
        *(
            Layer(key=f"run-{index}", name=run.name, group="predictions", crisp=True, legend=classes)
            for index, run in enumerate(runs)
        ),
        *(
            Layer(
                key=f"errors-{index}",
                name=f"errors of {run.name}",
                group="errors",
                crisp=True,
                legend=error_legend(background),
            )
            for index, run in enumerate(runs)
        ),
    ]
