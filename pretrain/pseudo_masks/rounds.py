"""Rounds of pseudo-masks: those of a round begin with what the network of the round before predicts."""

from dataclasses import replace
from pathlib import Path

import torch

from common.data.load import Splits
from common.models.rebuild import rebuilt
from common.run.checkpoint import Handover
from common.say import note, say
from pretrain.model import Autoencoder
from pretrain.pseudo_masks.doubts import doubts
from pretrain.pseudo_masks.photographs import Photographs


def next_round(
    photographs: Photographs, data: Splits, name: str, before: Handover, *, file: Path, device: torch.device
) -> tuple[Splits, str]:
    """The images with the pseudo-masks of a new round, with notes where it looks wrong; and a sentence that names it.

    `data` are the images as they were, `name` is that of the round ("round 2 of 2"), and `before` the network of the
    round before, from `file`. Raises UserError where the file holds another network.

    Source: Simeoni et al. 2021, LOST, arXiv 2109.14279 (a network trained on pseudo-masks outperforms them).
    """
    teacher = rebuilt(lambda: Autoencoder.from_architecture(before.architecture), before.sections, file)
    told = f"{name}: pseudo-masks from the network of epoch {before.provenance.epoch}"
    say(told)
    masked = photographs.masked(teacher.to(device))
    doubted = doubts(masked.train, data.train, known=data.notes, learnt=True)
    for sentence in doubted:
        note(sentence)
    return replace(masked, notes=(*photographs.splits.notes, *doubted)), told
