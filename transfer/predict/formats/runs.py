"""Run lengths, by which tools tell the pixels of a part."""

import numpy as np
from jaxtyping import Int64


def run_lengths(places: Int64[np.ndarray, " n"], total: int) -> list[int]:
    """Of `total` pixels, those at growing `places` belong to a part: how many do not, do, do not, and so on."""
    breaks = np.flatnonzero(np.diff(places) != 1)
    begins, ends = places[np.concatenate([[0], breaks + 1])], places[np.concatenate([breaks, [-1]])] + 1
    counts = np.diff(np.stack([begins, ends], axis=1).ravel(), prepend=0, append=total).tolist()
    return counts if counts[-1] else counts[:-1]
