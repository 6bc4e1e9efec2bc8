"""What the page of phase 1 shows while the training goes on."""

from collections.abc import Sequence

import numpy as np
import torch

from common.data.batches import read_batch
from common.data.pack import Pack
from common.figures import to_bytes
from common.report.blocks import sheet
from common.report.draft import Draft
from common.report.images import photograph
from common.report.page import Block
from common.report.selection import evenly
from common.run.history import History
from common.run.notes import data_name
from common.run.records import PretrainingRecord
from pretrain.build import build_tasks
from pretrain.config import PretrainConfig
from pretrain.model import Autoencoder
from pretrain.record import task_words
from pretrain.report.scored_model import ScoredModel
from pretrain.report.scores import panels
from pretrain.report.sheets import ROWS, SIDE, task_blocks, view_blocks
from pretrain.scoring import rebuild
from pretrain.targets.target import Target


def draft(
    model: Autoencoder,
    pack: Pack,
    config: PretrainConfig,
    history: History,
    *,
    target: Target | None,
    task: PretrainingRecord,
    device: torch.device,
    seconds: float,
    notes: Sequence[str],
    remarks: Sequence[str] = (),
) -> Draft:
    """The page after an epoch: the task of validation images (`pack`) as the network does it now, and the curves."""
    scored = ScoredModel(model, pack, "val", {}, config.training.batch_size, device, target=target)

    def pictures() -> Sequence[Block]:
        drawn = task_blocks(scored, build_tasks(config), seed=config.run.seed)
        return drawn or view_blocks(pack, config, device=device) or [_reconstructions(scored)]

    return Draft(
        title=f"{data_name(config.data)}: an encoder pretrained by {task_words(task)}",
        kicker="recon2seg · phase 1 · pretraining",
        said=f"Validation loss {history.rows[-1]['val/loss']:.4g} after epoch {history.epoch}.",
        history=history,
        epochs=config.training.epochs,
        seconds=seconds,
        panels=panels(history.rows),
        pictures=("Task", pictures, "Validation images: what the network sees, and its guess by now."),
        notes=notes,
        remarks=remarks,
    )


@torch.no_grad()
def _reconstructions(scored: ScoredModel) -> Block:
    chosen = np.asarray(evenly(len(scored.pack), ROWS))
    image = read_batch(scored.pack, chosen, scored.device).image
    pictures = {"image": to_bytes(image), "reconstruction": to_bytes(rebuild(scored.model.eval(), image)[0])}
    rows = [[photograph(one, side=SIDE) for one in row] for row in zip(*pictures.values(), strict=True)]
    return sheet("", list(pictures), rows, [scored.pack.keys[index] for index in chosen])
