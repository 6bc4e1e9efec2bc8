"""What a teacher says of photographs without masks, as a section of a page."""

from collections.abc import Sequence

import numpy as np
import torch

from common.colours import UNLABELLED, colour_of, css
from common.figures import to_bytes
from common.report.blocks import sheet
from common.report.images import drawing, photograph
from common.report.page import Block
from common.report.selection import evenly
from transfer.colours import class_legend, paint
from transfer.pool.learner import Pool

SHOWN, ACROSS, SIDE = 8, 2, 128
"""Photographs on the page, those in a row, and the pixels of each."""


def photograph_blocks(pool: Pool, names: Sequence[str]) -> list[Block]:
    """Photographs beside what is learnt from them; grey and hatched where the teacher is not sure."""
    chosen = np.asarray(evenly(len(pool.pack), SHOWN))
    image, lesson = pool.said_of(chosen)
    open_class = len(names)
    classes = torch.where(lesson.figure, open_class, lesson.classes).cpu()
    photos = [photograph(one, side=SIDE) for one in to_bytes(image)]
    named = [drawing(one, side=SIDE) for one in paint(classes)]
    legend = [*class_legend(names, None), ("not sure", css(np.array(UNLABELLED, dtype=np.uint8)))]
    if bool((classes == open_class).any()):
        legend.append(("foreground, class not sure", css(colour_of(open_class))))
    pairs = list(zip(photos, named, strict=True))
    rows = [[picture for pair in pairs[at : at + ACROSS] for picture in pair] for at in range(0, len(pairs), ACROSS)]
    keys = [pool.pack.keys[index] for index in chosen]
    captions = [", ".join(keys[at : at + ACROSS]) for at in range(0, len(keys), ACROSS)]
    return [sheet("", ["photograph", "what is learnt"] * len(rows[0][::2]), rows, captions, legend=legend)]
