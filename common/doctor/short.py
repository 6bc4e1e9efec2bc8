"""What the doctor says at the start of a training, of packs that are open anyway: no file is read again."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Int

from common.data.pack import LabelledPack
from common.errors import abbreviate
from common.intervals import too_few
from common.words import counted

WORDS = {"train": "training", "val": "validation", "test": "test"}
"""What each split is called."""


def in_short(packs: Mapping[str, LabelledPack], names: Sequence[str], *, one_split: bool = True) -> list[str]:
    """At most three sentences: classes that no image shows, masks that show nothing, and too few test images.

    Without `one_split` the test images are some of many, as in cross-validation, and are not counted.
    """
    said = [
        "; ".join(filter(None, (absence(split, absent(names, pack.class_pixels)) for split, pack in packs.items()))),
        _empty(packs["train"]),
        too_few(images=len(packs["test"])) if one_split else "",
    ]
    return [sentence for sentence in said if sentence]


def absent(names: Sequence[str], pixels: Int[np.ndarray, "n k"]) -> list[str]:
    """The classes that none of these images shows; none where there is no image."""
    return [name for k, name in enumerate(names) if len(pixels) and not pixels[:, k].any()]


def absence(split: str, classes: Sequence[str]) -> str:
    """Say that no image of a split shows these classes; "" for none."""
    return f"no {WORDS[split]} image shows {', '.join(classes)}" if classes else ""


def _empty(pack: LabelledPack) -> str:
    """Say how many training masks show no foreground; "" for none."""
    if pack.background is None:
        return ""
    empty = [key for key, pixels in zip(pack.keys, pack.foreground_pixels, strict=True) if not pixels.any()]
    told = counted(len(empty), "training mask", "shows")
    return f"{told} nothing but background, of {len(pack):,}: {abbreviate(empty)}" if empty else ""
