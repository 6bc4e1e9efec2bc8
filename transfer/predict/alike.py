"""Networks that answer the same question, so that their answers can be averaged."""

from collections.abc import Sequence
from dataclasses import replace
from math import lcm
from pathlib import Path

from common.errors import UserError
from transfer.segmenter import Segmenter, load_model


def load_alike(
    files: Sequence[Path], device: str, *, tile: int | None = None, overlap: int | None = None
) -> list[Segmenter]:
    """Load networks that see an image through the same windows, whatever their strides.

    Raises UserError as `load_model`, and where a network tells other classes than the first, or takes other images.
    """
    models = [load_model(file, device, tile=tile, overlap=overlap) for file in files]
    _refuse_unlike(files, models)
    cuts = [model.tiling for model in models if model.tiling is not None]
    if cuts:
        stride = lcm(*(cut.stride for cut in cuts))
        least = -(-max(cut.least for cut in cuts) // stride) * stride
        largest = max(cuts, key=lambda cut: cut.tile)
        for model in models:
            model.tiling = replace(largest, stride=stride, least=least)
    return models


def _refuse_unlike(files: Sequence[Path], models: Sequence[Segmenter]) -> None:
    known = _taken(models[0])
    for file, model in zip(files, models, strict=True):
        others = _taken(model)
        for what, value in known.items():
            if others[what] != value:
                raise UserError(
                    f"--model_path: {files[0]} and {file} cannot be averaged: the {what} of the one are {value}, of "
                    f"the other {others[what]}; give networks that were trained alike"
                )


def _taken(model: Segmenter) -> dict[str, str]:
    images = model.handover.input
    background = "none" if model.background is None else model.names[model.background]
    return {
        "classes": f"{', '.join(model.names)} (background: {background})",
        "channels": str(images.channels),
        "images": f"{images.image_size} x {images.image_size} pixels, --fit {images.fitting}",
        "values": "of 8 bits" if images.depth is None else "{:g} to {:g}, of more than 8 bits".format(*images.depth),
    }
