"""Rows of pictures at the head of a phase 1 page: nearest neighbours, and what a task hid, asked for and was given,
or compared.
"""

import numpy as np
import torch
from jaxtyping import Float

from common.data.batches import read_batch
from common.data.pack import Pack
from common.embedding import latents, neighbours
from common.engine.seeding import VALIDATION, seed_update
from common.figures import to_bytes
from common.models.encoder import Encoder
from common.models.parts import part_for
from common.report.blocks import sheet
from common.report.images import photograph, three_channels
from common.report.page import Block
from common.report.selection import evenly
from pretrain.config import PretrainConfig
from pretrain.model import Autoencoder
from pretrain.pretexts.task import Task, TaskMaker
from pretrain.report.scored_model import ScoredModel
from pretrain.scoring import side_pictures
from pretrain.targets.target import Pixels, Target
from pretrain.tasks import BatchTasks

ROWS, NEIGHBOURS = 8, 5
SEARCHED = 1000
"""Of so many images, at most, the neighbours are sought."""
SIDE = 128
"""Pixels of a picture on the page."""


def neighbour_block(scored: ScoredModel) -> Block:
    """Images in rows, each beside the nearest by the encoder's features."""
    rows, nearest = nearest_images(scored.model.encoder, scored.pack, device=scored.device)
    heads = ["image", *("1st", "2nd", "3rd", "4th", "5th")[: nearest.shape[1]]]
    pictures = [
        [photograph(three_channels(scored.pack.content(index)), side=SIDE) for index in (row, *others)]
        for row, others in zip(rows.tolist(), nearest.tolist(), strict=True)
    ]
    return sheet("", heads, pictures, [scored.pack.keys[row] for row in rows])


def nearest_images(
    encoder: Encoder, pack: Pack, *, device: torch.device, queries: int = ROWS, count: int = NEIGHBOURS
) -> tuple[np.ndarray, np.ndarray]:
    """Some images evenly spread over the first SEARCHED of a pack, and in a row for each its neighbours there."""
    searched = np.arange(min(len(pack), SEARCHED))
    nearest = neighbours(latents(encoder, pack.take(searched), batch_size=64, device=device), count=count)
    rows = np.asarray(evenly(len(searched), queries))
    return rows, nearest[rows]


def task_blocks(scored: ScoredModel, make_task: TaskMaker, *, seed: int) -> list[Block]:
    """Some images as the network saw them, what the target asked for, and the guess; then those of side objectives."""
    chosen = np.asarray(evenly(len(scored.pack), ROWS))
    batch = read_batch(scored.pack, chosen, scored.device)
    names = [scored.pack.keys[index] for index in chosen]
    found = []
    if scored.target is not None and (make_task.drawn or scored.target.channels):
        seed_update(seed, VALIDATION)
        drawn = task_pictures(scored.model, scored.target, make_task, batch.image)
        found.append(_block("", {"image": to_bytes(batch.image), **drawn}, names))
    for objective, pictures in side_pictures(scored.model, batch.image).items():
        found.append(_block(objective.replace("_", " "), {"image": to_bytes(batch.image), **pictures}, names))
    return found


def view_blocks(pack: Pack, config: PretrainConfig, *, device: torch.device) -> list[Block]:
    """Some photographs, each with two crops of its foreground, as the contrast compares them; [] without such crops."""
    crops = BatchTasks(config).crops
    if crops is None or pack.masks is None:
        return []
    chosen = np.asarray(evenly(len(pack), ROWS))
    batch = read_batch(pack, chosen, device)
    assert batch.mask is not None
    seed_update(config.run.seed, VALIDATION)
    first, second = crops(batch.image, batch.mask)
    pictures = {"photograph": batch.image, "one view": first, "the other": second}
    return [_block("", {head: to_bytes(one) for head, one in pictures.items()}, [pack.keys[index] for index in chosen])]


@torch.no_grad()
def task_pictures(model: Autoencoder, target: Target, make_task: TaskMaker, image: torch.Tensor) -> dict[str, Pixels]:
    """What the network saw of images, what was asked for, and what it guessed, by their heads."""
    model.eval()
    task = make_task(image)
    features = model.encode(task.seen, task.visible, everywhere=task.everywhere)
    asked, guessed = target.pictures(model.decode(features, keep=task.keep), task)
    seen = {"seen": to_bytes(seen_by(model.encoder, task))} if make_task.drawn else {}
    return {**seen, "asked for": asked, "guessed": guessed}


def seen_by(encoder: Encoder, task: Task) -> Float[torch.Tensor, "n c h w"]:
    """The images as an encoder sees them: hidden pixels are black where it keeps them out of its maps, else they have
    the mean colour that it normalises by.
    """
    if task.visible is None or (task.everywhere and part_for(encoder.word).hides_everywhere):
        return task.seen
    return task.seen * task.visible + encoder.mean * (1 - task.visible)


def _block(title: str, pictures: dict[str, Pixels], names: list[str]) -> Block:
    rows = zip(*pictures.values(), strict=True)
    return sheet(title, list(pictures), [[photograph(one, side=SIDE) for one in row] for row in rows], names)
