"""What the page of phase 2 shows while the training goes on."""

from collections.abc import Sequence

import numpy as np
import torch

from common.data.batches import read_batch
from common.data.pack import LabelledPack
from common.figures import to_bytes
from common.metrics import classes_of
from common.report.blocks import sheet
from common.report.draft import Draft
from common.report.images import drawing, photograph
from common.report.page import Block
from common.report.selection import evenly
from common.run.history import History
from common.run.notes import data_name
from common.run.records import Receipt
from common.words import counted
from transfer.colours import class_legend, error_legend, paint, paint_errors
from transfer.config import TransferConfig
from transfer.model import SegmentationNet
from transfer.report.headline import title
from transfer.report.scores import panel_colours, panels

ROWS, SIDE = 6, 128
"""Images on the page, and the pixels of each."""


def draft(
    net: SegmentationNet,
    pack: LabelledPack,
    config: TransferConfig,
    history: History,
    *,
    receipt: Receipt,
    names: Sequence[str],
    device: torch.device,
    seconds: float,
    notes: Sequence[str],
) -> Draft:
    """The page after an epoch: validation images as the network predicts them now, and the curves so far.

    `pack` holds the validation images; `receipt` says where the encoder came from.
    """
    score = history.rows[-1]["val/mean_iou"]

    def pictures() -> list[Block]:
        return [_pictures(net, pack, names, device=device)]

    return Draft(
        title=title(config, receipt),
        kicker=f"recon2seg · phase 2 · segmentation of {data_name(config.data)}",
        said=f"Mean IoU {score:.3f} on {counted(len(pack), 'validation image')} after epoch {history.epoch}.",
        history=history,
        epochs=config.training.epochs,
        seconds=seconds,
        panels=panels(names),
        colours=panel_colours(names),
        pictures=("Images", pictures, "Validation images as they are seen now."),
        notes=notes,
    )


@torch.no_grad()
def _pictures(net: SegmentationNet, pack: LabelledPack, names: Sequence[str], *, device: torch.device) -> Block:
    chosen = np.asarray(evenly(len(pack), ROWS))
    batch = read_batch(pack, chosen, device)
    assert batch.mask is not None, "a picture of truth and prediction needs masks"
    truth, prediction = batch.mask.cpu(), classes_of(net.eval()(batch.image)).cpu()
    photos = [photograph(one, side=SIDE) for one in to_bytes(batch.image)]
    painted = (paint(truth), paint(prediction), paint_errors(prediction, truth, pack.background))
    drawn = [[drawing(one, side=SIDE) for one in pictures] for pictures in painted]
    keys = [pack.keys[index] for index in chosen]
    legend = [*class_legend(names, None), *error_legend(pack.background)]
    heads = ["image", "truth", "prediction", "errors"]
    return sheet("", heads, [*zip(photos, *drawn, strict=True)], keys, legend=legend)
