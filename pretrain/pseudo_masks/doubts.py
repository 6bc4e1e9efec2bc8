"""Whether pseudo-masks look like those of a single object in each photograph, which they are made for."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, UInt8

from common.data.pack import Pack

LOOKED_AT = 400
"""Photographs that are looked at, evenly spread over all."""
NOTHING, EVERYTHING = 0.02, 0.9
"""Shares of the pixels below and above which a mask covers next to nothing, or nearly everything."""
ALIKE = 0.6
"""From which overlap of their colours on, foreground and background are not told apart by colour."""
AGREED = 0.5
"""The IoU below which two masks disagree."""
MOST = 0.5
"""The share of the photographs above which a doubt is said."""
LEVELS = 6
"""Of each colour, in the histograms that are compared."""
WORDS = {
    "nothing": "the pseudo-masks cover next to nothing in",
    "everything": "the pseudo-masks cover nearly everything in",
    "alike": "foreground and background of the pseudo-masks have the same colours in",
    "changed": "the pseudo-masks of two rounds disagree in",
}
"""What is said of most photographs; the first that holds."""
OTHERWISE = ": for these take --recipe general"
"""What to do where the photographs are not of that kind."""
TOO_SHORT = ": train longer, or take --recipe general"
"""What to do where the masks are those of a network, and its photographs raised no doubt by their colours."""


def doubts(pack: Pack, before: Pack | None = None, *, known: Sequence[str] = (), learnt: bool = False) -> list[str]:
    """An alarm where most photographs do not look like those of a single object, with what to do; else [].

    `before`: the same photographs with the masks of the round before. `learnt`: whether a network made the masks, which
    may have learnt too little. `known`: what was said of the photographs before.
    """
    shares = shares_of_doubt(pack, before)
    kind = next((kind for kind in WORDS if shares.get(kind, 0.0) > MOST), None)
    if kind is None:
        return []
    doubted = any(sentence.endswith(OTHERWISE) for sentence in known)
    advice = TOO_SHORT if learnt and not doubted else OTHERWISE
    return [f"ALARM: {WORDS[kind]} {shares[kind]:.0%} of the photographs{advice}"]


def shares_of_doubt(pack: Pack, before: Pack | None = None) -> Mapping[str, float]:
    """The share of the photographs with each kind of doubt (`WORDS`), from 0 to 1; {} without masks."""
    if pack.masks is None:
        return {}
    spread = np.linspace(0, len(pack) - 1, min(len(pack), LOOKED_AT))
    masks = {index: _mask(pack, index) for index in spread.round().astype(int).tolist()}
    covered = np.array([mask.mean() for mask in masks.values()])
    overlaps = np.array([overlap(pack.content(index), mask) for index, mask in masks.items()])
    found = {"nothing": covered < NOTHING, "everything": covered > EVERYTHING, "alike": overlaps > ALIKE}
    if before is not None:
        found["changed"] = np.array([iou(mask, _mask(before, index)) < AGREED for index, mask in masks.items()])
    return {kind: float(which.mean()) for kind, which in found.items()}


def overlap(image: UInt8[np.ndarray, "h w c"], mask: Bool[np.ndarray, "h w"]) -> float:
    """How far foreground and background share their colours, from 0 (none) to 1; 1 where one of them is empty.

    Source: Swain & Ballard 1991, Color indexing, doi 10.1007/BF00130487, eq. 1 (the intersection of two histograms).
    Deviation: both histograms have the sum 1; bins are cubes of RGB, of the first three channels.
    """
    if mask.all() or not mask.any():
        return 1.0
    levels = image[..., :3].astype(np.int64) * LEVELS // 256
    bins = levels @ (LEVELS ** np.arange(levels.shape[-1]))
    inside, outside = (np.bincount(bins[part], minlength=LEVELS**3) / part.sum() for part in (mask, ~mask))
    return float(np.minimum(inside, outside).sum())


def iou(one: Bool[np.ndarray, "h w"], other: Bool[np.ndarray, "h w"]) -> float:
    """Intersection over union, from 0 to 1; 1 of two empty masks."""
    union = (one | other).sum()
    return float((one & other).sum() / union) if union else 1.0


def _mask(pack: Pack, index: int) -> Bool[np.ndarray, "h w"]:
    """The foreground of an image, without its padding."""
    assert pack.masks is not None, "pseudo-masks were made"
    return pack.box(index).cut(pack.masks[index]) == 1
