"""Images and masks side by side in one folder: x.jpg and x_mask.png."""

import csv
from collections.abc import Sequence
from pathlib import Path

from common.data.classes import Classes, classes_from
from common.data.layouts.folders import Tree, sample_in
from common.data.layouts.layout import Found, splits_note
from common.data.layouts.pairing import ENDINGS, image_stem, mask_stem, pair_masks
from common.data.values import Values
from common.errors import UserError
from common.files import read_lines

CLASSES = "_classes.csv"
"""What Roboflow puts beside such masks: a line `Pixel Value, Class` for each class."""


def beside(tree: Tree) -> Found | None:
    """Masks beside their images, whose names end in _mask, _seg, _label or the like; folders may say the split."""
    files, passed_over = tree.masks()
    known = {name.casefold() for key in files for name in (key, image_stem(key))}
    masks = {key: path for key, path in files.items() if (stem := mask_stem(key)) and stem.casefold() in known}
    if not masks:
        return None
    images = {key: path for key, path in files.items() if key not in masks}
    paired, strays = pair_masks(images, masks.items())
    samples = [sample_in(None, key, image, paired.get(key)) for key, image in images.items()]
    return Found(
        samples=samples,
        strays=strays,
        where=f"looked beside them for the same name with {ENDINGS}: add the masks, move these images away, or say "
        "where masks lie with --images and --masks",
        classes=_roboflow_classes([path for path in tree.root.rglob(CLASSES) if path.is_file()]),
        notes=splits_note(samples),
        passed_over=passed_over,
    )


def _roboflow_classes(tables: Sequence[Path]) -> Classes | None:
    """The classes of tables that agree. Raises UserError where they don't."""
    found = {path: _table(path) for path in tables}
    if not found:
        return None
    first, *others = found.items()
    for path, classes in others:
        if classes != first[1]:
            raise UserError(f"{first[0]} and {path} name different classes: say which with --classes and a YAML file")
    return first[1]


def _table(path: Path) -> Classes:
    lines = read_lines(path)
    try:
        _, *rows = csv.reader(lines, skipinitialspace=True)
        names = tuple(name.strip() for _, name in rows)
        values: Values = {int(value): k for k, (value, _) in enumerate(rows)}
    except ValueError:
        raise UserError(f"{path} is no table of pixel values and classes: remove it, and use --classes") from None
    with classes_from(path):
        return Classes(names, values)
