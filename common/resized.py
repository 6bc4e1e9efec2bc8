"""Logits that come a block at a time, at the size of another image."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from common.strips import row_strips, source_rows
from common.windows import Block


def at_size(blocks: Iterable[Block], seen: Sequence[int], size: Sequence[int]) -> Iterator[Block]:
    """The logits of an image at another (height, width), bilinearly: blocks of whole rows, from the top.

    `seen` is the height and width that the given blocks are together, row by row. Memory holds one row of them.

    Source: `torch.nn.functional.interpolate` of the whole (align_corners=False), but for rounding.
    """
    (height, width), (tall, wide) = seen, size
    above, shares = source_rows(height, tall)
    below = np.minimum(above + 1, height - 1)
    held, top, done = None, 0, 0
    for bottom, rows in _whole_rows(blocks, width):
        held = rows if held is None else torch.cat([held, rows], 1)
        ready = int(np.searchsorted(below, bottom))
        for strip in row_strips(ready - done, wide):
            wanted = slice(done + strip.start, min(done + strip.stop, ready))
            first, second = (held[:, torch.from_numpy(places[wanted] - top)] for places in (above, below))
            between = torch.lerp(first, second, torch.from_numpy(shares[wanted]).to(held)[:, None])
            shape = (wanted.stop - wanted.start, wide)
            yield Block(wanted, slice(0, wide), F.interpolate(between[None], shape, mode="bilinear")[0])
        done = ready
        needed = min(int(above[min(done, tall - 1)]), bottom)
        held, top = held[:, needed - top :], needed


def _whole_rows(blocks: Iterable[Block], width: int) -> Iterator[tuple[int, Float[Tensor, "k h {width}"]]]:
    """Blocks that lie beside each other as one, with the row at which they end."""
    beside: list[Tensor] = []
    for rows, columns, logits in blocks:
        beside.append(logits)
        if columns.stop == width:
            yield rows.stop, torch.cat(beside, 2)
            beside = []
