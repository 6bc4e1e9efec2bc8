"""Logits at the size of an image, without torch."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from jaxtyping import Float32

from common.strips import row_strips, source_rows
from common.windows import Block


def enlarged(logits: Float32[np.ndarray, "k h w"], size: Sequence[int]) -> Iterator[Block]:
    """Logits at another (height, width), bilinearly: blocks of whole rows, from the top.

    Source: `torch.nn.functional.interpolate` (align_corners=False), but for rounding.
    """
    (tall, wide), last = size, logits.shape[1] - 1
    above, shares = source_rows(last + 1, tall)
    below = np.minimum(above + 1, last)
    for strip in row_strips(tall, wide):
        rows = slice(strip.start, min(strip.stop, tall))
        first, second = logits[:, above[rows]], logits[:, below[rows]]
        between = first + (second - first) * shares[rows, None]
        across = [cv2.resize(one, (wide, len(one)), interpolation=cv2.INTER_LINEAR) for one in between]
        yield Block(rows, slice(0, wide), np.stack(across))
