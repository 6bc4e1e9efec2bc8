"""The images of a run that its exported network is checked on."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from jaxtyping import UInt8

from common.config.load import unflatten
from common.data.gather import whole_images
from common.data.load import LabelledSplits, load_labelled
from common.data.pack import Pack
from common.run.notes import data_name
from transfer.config import TransferConfig
from transfer.export.config import ExportOptions
from transfer.segmenter import Segmenter

MOST = 512
"""Side in pixels of the largest image that is checked whole; of a larger one it is the middle."""


def data_of(model: Segmenter, options: ExportOptions) -> tuple[str, LabelledSplits]:
    """The name and the images of a run's data set, as its training dealt them out.

    Raises UserError as `load_labelled`.
    """
    trained = unflatten(TransferConfig, model.handover.provenance.config, source=options.file).data
    config = replace(trained, data_dir=options.data_dir or trained.data_dir, download=False)
    return data_name(config), load_labelled(config, depth=model.handover.input.depth, classes=model.classes)


def each(pack: Pack, places: list[int]) -> Iterator[UInt8[np.ndarray, "1 h w c"]]:
    """Images one by one, as the network takes them."""
    for place in places:
        yield np.ascontiguousarray(whole_images(pack, np.array([place]), most=MOST).images)


def taller_pair(images: list[UInt8[np.ndarray, "1 _ _ c"]], stride: int) -> UInt8[np.ndarray, "2 h w c"]:
    """Two images as one batch of another shape than theirs, with a reflection below: files should take any."""
    first, second = images[0][0], images[-1][0]
    height, width = (min(sides) for sides in zip(first.shape[:2], second.shape[:2], strict=True))
    pair = np.stack([first[:height, :width], second[:height, :width]])
    return np.pad(pair, ((0, 0), (0, stride), (0, 0), (0, 0)), mode="reflect")
