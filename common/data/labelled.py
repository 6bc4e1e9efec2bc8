"""Packs of a data set with masks, and what is said of masks that its classes do not fit."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from common.data.cache import PackSpec, open_labelled_pack
from common.data.classes import BINARY, Classes
from common.data.masks.file import ColouredMaskError
from common.data.masks.labels import UnknownValuesError
from common.data.masks.propose import proposal
from common.data.pack import LabelledPack
from common.data.samples import Dataset, Sample
from common.errors import UserError, abbreviate
from common.words import counted


def labelled_packs(
    root: Path, dataset: Dataset, parts: Iterable[Sequence[Sample]], spec: PackSpec
) -> tuple[Classes, list[LabelledPack]]:
    """Open the packs of the parts of a data set with masks. Raises UserError as `open_labelled_pack`.

    Masks that the classes do not fit are refused with the table of classes to begin with, and binary masks in which 255
    may mean two things.
    """
    classes = dataset.classes
    assert classes is not None, "find_dataset names the classes of labelled data"
    try:
        packs = [open_labelled_pack(part, spec, num_classes=classes.num_classes) for part in parts]
    except (ColouredMaskError, UnknownValuesError) as error:
        masks = [sample.mask for sample in dataset.samples if sample.mask]
        table = proposal(masks, coloured=isinstance(error, ColouredMaskError) or classes.table.colours)
        raise UserError(f"{error}; {table}") from None
    if classes == BINARY:
        _refuse_ambiguous_255(packs, root)
    return classes, [replace(pack, background=classes.background) for pack in packs]


def ignored_notes(parts: Mapping[str, LabelledPack], root: Path | str) -> list[str]:
    """Sentences that count the images of each part whose masks ignore every pixel.

    Raises UserError for a part of such images alone, as the test images of Cityscapes are published.
    """
    notes = []
    for part, pack in parts.items():
        bare = [key for key, pixels in zip(pack.keys, pack.class_pixels.sum(1).tolist(), strict=True) if not pixels]
        what = counted(len(bare), "mask" if part == "all" else f"{part} mask", "ignores")
        if bare and len(bare) == len(pack):
            raise UserError(
                f"{root}: {what} every pixel, and that part has no other image ({abbreviate(bare)}): check --classes, "
                "or move these images away, and others take their place"
            )
        notes += [f"{what} every pixel, which count for nothing: {abbreviate(bare)}"] if bare else []
    return notes


def _refuse_ambiguous_255(packs: Iterable[LabelledPack], root: Path) -> None:
    values = {value for pack in packs for value in pack.mask_values}
    if {1, 255} <= values:
        raise UserError(
            f"the masks in {root} hold both 1 and 255, so 255 may be foreground or ignored border; say "
            "which with --classes and a YAML file, such as 'names: [background, foreground]' and "
            "'values: {0: 0, 1: 1, 255: ignore}', or 255: 1 where both are foreground"
        )
