"""A table of classes to begin with, for masks that no known classes fit."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from common.data.masks.file import read_mask_file
from common.data.masks.mask import Mask, outlined_in
from common.data.values import IGNORE, REST, ValueTable
from common.errors import UserError, abbreviate
from common.words import counted

LOOKED_AT = 100
"""So many masks are read, evenly over all, to see what they hold."""
MOST = 40
"""A table of more values is none that a person would write."""
SOFT, SOFT_IF_MANY = 0.9, 0.6
"""Share of black and white pixels from which on grey values are soft edges; and where more than EDGES are."""
EDGES = 8
GIVE = ", in a YAML file for --classes"
BY_COLOURS, BY_NUMBERS = ValueTable({"#000000": 0}), ValueTable({REST: 0})


def proposal(masks: Sequence[Mask], *, coloured: bool) -> str:
    """What these masks hold, and the table that a file of --classes may have for them, in words."""
    outlined = outlined_in(masks)
    if outlined is None:
        return _of_pictures([path for mask in masks for path in mask.files], coloured=coloured)
    return _of_outlines(outlined)


def _of_outlines(labels: Mapping[int, str]) -> str:
    """The numbers of outlines, with their labels."""
    told = {0: "where none lies", **{number: label for number, label in sorted(labels.items()) if number}}
    numbers = abbreviate([f"{number} ({word})" if word else number for number, word in told.items()], MOST)
    return f"the outlines have the numbers {numbers}: give each a class, or ignore, in the file of --classes"


def _of_pictures(files: Sequence[Path], *, coloured: bool) -> str:
    step = max(1, len(files) // LOOKED_AT)
    pixels: Counter[int] = Counter()
    for path in files[::step]:
        with suppress(UserError):
            numbers = read_mask_file(path, BY_COLOURS if coloured else BY_NUMBERS).numbers
            pixels.update(dict(zip(*(part.tolist() for part in np.unique(numbers, return_counts=True)), strict=True)))
    what, looked = "colour" if coloured else "value", len(files[::step])
    held = f"{counted(looked, 'mask', 'holds')} {counted(len(pixels), what)}"
    if not coloured and _soft(pixels):
        return f"{held}, between black and white: 'names: [background, foreground]' and 'threshold: 128'{GIVE}"
    if not coloured and len(pixels) > 8 and max(pixels) < 4 * len(pixels):
        return f"{held}, as numbers of objects: 'names: [background, object]' and 'values: {{0: 0, rest: 1}}'{GIVE}"
    if len(pixels) > MOST:
        return f"{held}, too many for classes: they may have been resized, or saved with a loss (JPEG)"
    total, shown = pixels.total(), [number for number, _ in pixels.most_common()]
    shown.sort(key=lambda number: number != 0 if coloured else number)  # the ground is black, if anything is
    keys = {number: f"'#{number:06x}'" if coloured else str(number) for number in shown}
    shares = ", ".join(f"{keys[number].strip(chr(39))} ({pixels[number] / total:.1%})" for number in shown)
    meant = [number for number in shown if coloured or number != IGNORE or not _numbered(shown)]
    names = ", ".join(["background", *(f"class_{k}" for k in range(1, len(meant)))])
    values = ", ".join(f"{keys[number]}: {meant.index(number) if number in meant else 'ignore'}" for number in shown)
    return f"{held}: {shares}; begin with 'names: [{names}]' and \"values: {{{values}}}\"{GIVE}"


def _numbered(values: Sequence[int]) -> bool:
    """Whether these are the numbers 0, 1, 2 and so on, beside 255, which then says that a pixel is not labelled."""
    return [*range(len(values) - 1), IGNORE] == list(values) and len(values) > 3


def _soft(pixels: Counter[int]) -> bool:
    """Whether these are black and white with soft edges."""
    ends = pixels[0] + pixels[255]
    others = [count for value, count in pixels.items() if value not in (0, 255)]
    share = SOFT_IF_MANY if len(others) > EDGES and max(others) < min(pixels[0], pixels[255]) else SOFT
    return len(pixels) > 2 and max(pixels) == 255 and share * pixels.total() <= ends
