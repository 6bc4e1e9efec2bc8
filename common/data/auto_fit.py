"""The fit that `--fit auto` takes, by a look at some files of the data set."""

from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from common.config.groups import DataConfig
from common.data.classes import Classes
from common.data.decode import image_of, labels_of
from common.data.fit import Fit, fit_for
from common.data.fitting import Fitting
from common.data.objects import object_sides
from common.data.opened import BadFileError, read_bytes
from common.data.samples import Dataset, Sample
from common.errors import UserError

LOOKED_AT = 48
"""Images that are looked at."""


def fitting_of(config: DataConfig, dataset: Dataset) -> tuple[Fitting, tuple[str, ...]]:
    """How the images of a data set become squares, and for `auto` a sentence on why: see `fit_for`.

    It depends on the files alone. Those that can't be read, or whose classes are not known, are passed over: the
    training will name them. Settings that are for crops alone ask for crops.
    """
    if config.fit == "auto" and not config.of_crops:
        fit, why = _auto(config, dataset)
    else:
        fit, why = "crop" if config.fit == "auto" else config.fit, ()
    return Fitting(config.image_size, fit, config.scale_to), why


def _auto(config: DataConfig, dataset: Dataset) -> tuple[Fit, tuple[str, ...]]:
    count = len(dataset.samples)
    chosen = np.linspace(0, count - 1, min(count, LOOKED_AT)).round().astype(int).tolist()
    longer, sides = _measured([dataset.samples[index] for index in chosen], dataset.classes, config.channels)
    if not longer:
        return "pad", ()
    size, side = float(np.median(longer)), float(np.median(sides)) if sides else None
    fit = fit_for(size, side, image_size=config.image_size)
    objects = "" if side is None else f", their objects {side:.0f}"
    return fit, (f"--fit auto takes {fit}: images have {size:.0f} pixels (longer side){objects}, in median",)


def _measured(samples: Sequence[Sample], classes: Classes | None, channels: int) -> tuple[list[int], list[float]]:
    """The longer side of each image, and the side of each object, in pixels of their files."""
    longer: list[int] = []
    sides: list[float] = []
    for sample in samples:
        with suppress(BadFileError, UserError):
            data = read_bytes(sample.image)
            image = image_of(sample, data, channels)
            longer.append(max(image.shape[:2]))
            if sample.mask is not None and classes is not None:
                mask = labels_of(sample, data, image).classes
                sides += object_sides(mask, [k for k in range(classes.num_classes) if k != classes.background]).tolist()
    return longer, sides
