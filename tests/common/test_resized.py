"""Logits at another size, a row of blocks at a time: what torch gives for the whole."""

import gc

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from common.resized import at_size
from common.tiles import Block


def cut(logits: torch.Tensor, rows: list[int], columns: list[int]):
    """Logits as blocks, row by row; `rows` and `columns`: where blocks begin."""
    _, height, width = logits.shape
    for top, bottom in zip(rows, [*rows[1:], height], strict=True):
        for left, right in zip(columns, [*columns[1:], width], strict=True):
            yield Block(slice(top, bottom), slice(left, right), logits[:, top:bottom, left:right])


@pytest.mark.parametrize("size", [(40, 30), (41, 77), (400, 301), (13, 9), (1, 1), (2000, 3)])
@pytest.mark.parametrize(("rows", "columns"), [([0], [0]), ([0, 17, 18, 30], [0, 11]), (list(range(40)), [0])])
def test_blocks_at_another_size_are_those_of_the_whole(size, rows, columns):
    logits = torch.randn(3, 40, 30, generator=torch.Generator().manual_seed(0))
    expected = F.interpolate(logits[None], size, mode="bilinear", align_corners=False)[0]
    found, below = torch.full_like(expected, torch.nan), 0
    for tall, wide, block in at_size(cut(logits, rows, columns), (40, 30), size):
        assert tall.start == below
        found[:, tall, wide], below = block, tall.stop
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_memory_holds_one_row_of_blocks():
    """Of 64 rows of blocks as few as two are alive at once."""
    alive: list[int] = []

    def rows():
        for top in range(0, 640, 10):
            yield Block(slice(top, top + 10), slice(0, 50), torch.zeros(2, 10, 50))
            gc.collect()
            alive.append(sum(isinstance(one, torch.Tensor) and one.shape == (2, 10, 50) for one in gc.get_objects()))

    total = sum(np.prod(block.logits.shape) for block in at_size(rows(), (640, 50), (1280, 100)))
    assert total == 2 * 1280 * 100
    assert max(alive) <= 2
