"""The pictures of a comparison's page: the same images by every run, as layers to switch."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from common.data.batches import read_batch
from common.data.pack import LabelledPack
from common.figures import to_bytes
from common.report.blocks import three_digits
from common.report.gallery import fill_gallery
from common.report.images import class_map, drawing, photograph
from common.report.page import Block, NothingToShowError
from common.report.selection import some_of, worst_best_between
from transfer.colours import class_legend, error_legend, paint, paint_errors
from transfer.compare.finished_run import FinishedRun
from transfer.model import SegmentationNet


def gallery(
    runs: Sequence[FinishedRun], networks: Mapping[str, tuple[SegmentationNet, LabelledPack]], device: torch.device
) -> Block:
    """Test images with truth and every run's prediction and errors as layers: those where the runs differ most first.

    Of more than MOST images also those where they agree and some between; fewer where they are too large for a page.
    """
    scores = np.stack([run.scores.per_image["mean_iou"] for run in runs])
    apart = np.nan_to_num(np.nanmax(scores, 0) - np.nanmin(scores, 0)) if len(scores) else np.zeros(0)
    order, count = worst_best_between(-apart), len(runs[0].keys)
    if not order:
        raise NothingToShowError("there is no image")

    def made(chosen: Sequence[int]) -> list[dict[str, Any]]:
        drawn = zip(chosen, _layers(networks, chosen, device), strict=True)
        return [
            {"id": str(index), "layers": layers, "maps": maps, **_about(runs, scores[:, index], apart[index], index)}
            for index, (layers, maps) in drawn
        ]

    items = fill_gallery(order, made)
    data = {"items": items, **_settings(runs)}
    note = some_of(len(items), count, "those on which the runs differ most and least, and some between")
    return Block("gallery", "", data, note)


@torch.no_grad()
def _layers(
    networks: Mapping[str, tuple[SegmentationNet, LabelledPack]], indices: Sequence[int], device: torch.device
) -> list[tuple[dict[str, str], dict[str, str]]]:
    """Pictures and class maps of some images, every run at the size that it works at."""
    found: list[tuple[dict[str, str], dict[str, str]]] = [({}, {}) for _ in indices]
    for run, (name, (net, pack)) in enumerate(networks.items()):
        batch = read_batch(pack, np.asarray(indices), device)
        truth, prediction = batch.mask.cpu(), net(batch.image).argmax(1).cpu()
        painted, wrong, pictures = paint(prediction), paint_errors(prediction, truth), to_bytes(batch.image)
        for row, (layers, maps) in enumerate(found):
            if run == 0:
                layers["image"] = photograph(pictures[row])
                layers["truth"] = drawing(paint(truth[row : row + 1])[0], clear=(truth[row] == 0).numpy())
                maps["truth"] = class_map(truth[row].byte().numpy())
            layers[f"run-{run}"] = drawing(painted[row], clear=(prediction[row] == 0).numpy())
            layers[f"errors-{run}"] = drawing(wrong[row], clear=(wrong[row] == 255).all(-1))
            maps[name] = class_map(prediction[row].byte().numpy())
    return found


def _about(runs: Sequence[FinishedRun], scores: np.ndarray, apart: float, index: int) -> dict[str, Any]:
    sort = {f"run-{i}": None if math.isnan(score) else float(score) for i, score in enumerate(scores)}
    shows = [
        k
        for k in range(len(runs[0].scores.names))
        if any(r.scores.counts[index][k].sum() + r.scores.counts[index][:, k].sum() for r in runs)
    ]
    return {
        "name": runs[0].keys[index],
        "badge": f"apart by {apart:.2f}",
        "sort": {**sort, "apart": float(apart), "name": runs[0].keys[index]},
        "kinds": shows,
        "figures": [[run.name, three_digits(score)] for run, score in zip(runs, scores.tolist(), strict=True)],
    }


def _settings(runs: Sequence[FinishedRun]) -> dict[str, Any]:
    """Layers, orders and names for the gallery's script."""
    names = runs[0].scores.names
    layers = [{"key": "truth", "name": "truth", "crisp": True, "legend": class_legend(names, unlabelled=True)}]
    for index, run in enumerate(runs):
        layers.append(
            {
                "key": f"run-{index}",
                "name": run.name,
                "group": "predictions",
                "crisp": True,
                "legend": class_legend(names),
            }
        )
    for index, run in enumerate(runs):
        layers.append(
            {
                "key": f"errors-{index}",
                "name": f"errors of {run.name}",
                "group": "errors",
                "crisp": True,
                "legend": error_legend(),
            }
        )
    orders = [{"name": "most disagreement first", "key": "apart", "sign": -1}]
    orders += [
        {"name": f"worst of {run.name} first", "key": f"run-{index}", "sign": 1} for index, run in enumerate(runs)
    ]
    return {
        "layers": layers,
        "classes": list(names),
        "start": "run-0",
        "mode": "fade",
        "strength": 0.6,
        "orders": [*orders, {"name": "by name", "key": "name", "sign": 1}],
        "kinds": list(names),
        "kinds_label": "images that show",
        "figure_heads": ["run", "mean IoU"],
    }
