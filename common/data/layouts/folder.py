"""Any folder of photographs, for phase 1: all images below it but those that are masks of others."""

import re
from dataclasses import replace

from common.data.layouts.folders import MASK_FOLDERS, SPLIT_NAMES, Tree, sample_in
from common.data.layouts.layout import Found, splits_note
from common.data.layouts.pairing import MASK_WORDS, image_stem, mask_stem
from common.data.listing import IMAGE_SUFFIXES
from common.data.samples import mask_files
from common.errors import abbreviate
from common.words import counted

OTHERS = ("masken", "matte", "mattes", "seg", "segs", "target", "targets", "trimap", "trimaps")
"""Folders of masks whose images no layout finds."""
SPLITS = "|".join(name for names in SPLIT_NAMES.values() for name in names)
NAMES = "|".join((*MASK_FOLDERS, *OTHERS))
HOLDS_MASKS = re.compile(
    rf"(?:.*[_\-. ])?(?:{SPLITS})?(?:{NAMES})|segmentation(?:class|object)|gt(?:fine|coarse)|.+_json",
    re.IGNORECASE,
)
"""A folder whose name says that masks lie in it: masks, train_labels, SegmentationClass, and LabelMe's x_json of x."""


def photographs(tree: Tree) -> Found:
    """All images below a folder but masks: those in folders of masks, and those named as the mask of one beside them.

    A folder is one of masks if its name says so and one of its files has the name of an image elsewhere. A file that is
    called mask alone, or the like, is the mask of the images in its folder.
    """
    files, passed_over = tree.images()
    homes = {key: _mask_folder(key) for key in files}
    names = {image_stem(_last(key)).casefold() for key, home in homes.items() if not home}
    of_masks = {home for key, home in homes.items() if home and _stems(key) & names}
    small = {name.casefold() for key in files for name in (key, image_stem(key))}
    masks = {key for key, home in homes.items() if home in of_masks or (mask_stem(key) or "").casefold() in small}
    beside = {key.rpartition("/")[0] for key in files if _last(key).casefold() not in MASK_WORDS}
    masks |= {key for key in files if _last(key).casefold() in MASK_WORDS and key.rpartition("/")[0] in beside}
    samples = [sample_in(None, key, image, None) for key, image in files.items() if key not in masks]
    return Found(
        samples=samples,
        strays=[files[key] for key in masks],
        notes=splits_note(samples),
        passed_over=passed_over,
    )


def without_masks(found: Found, tree: Tree) -> Found:
    """What a layout found, without the masks among the images that it has no mask for."""
    if not found.unlabelled:
        return found
    plain = {sample.image for sample in photographs(tree).samples}
    masks = [sample.image for sample in found.unlabelled if sample.image not in plain]
    rest = [sample for sample in found.unlabelled if sample.image in plain]
    return replace(found, unlabelled=rest, strays=[*found.strays, *masks])


def with_note_of_others(found: Found, tree: Tree) -> Found:
    """What a layout found, with a note that counts the images that lie elsewhere, but for those in folders of masks."""
    samples = [*found.samples, *found.unlabelled]
    taken = {*found.aside, *(sample.image for sample in samples)} | {
        file for sample in samples for file in mask_files(sample)
    }
    files = tree.files(IMAGE_SUFFIXES).files
    others = [name for name, path in files.items() if path not in taken and not _mask_folder(name)]
    others = [name for name in others if mask_stem(name.rpartition(".")[0]) is None]
    if not others:
        return found
    count = counted(len(others), "image", "is")
    note = f"{count} left aside, for the layout has no place for them: {abbreviate(others)}"
    return replace(found, notes=[*found.notes, note])


def _mask_folder(key: str) -> str:
    """The outermost folder of masks around a file; empty where there is none."""
    parts = key.split("/")[:-1]
    depth = next((depth for depth, part in enumerate(parts, start=1) if HOLDS_MASKS.fullmatch(part)), 0)
    return "/".join(parts[:depth])


def _stems(key: str) -> set[str]:
    """The names that the image of a mask may have, in small letters."""
    return {stem.casefold() for stem in (_last(key), mask_stem(_last(key)), _parent(key)) if stem}


def _last(key: str) -> str:
    return key.rpartition("/")[2]


def _parent(key: str) -> str:
    """The name of the folder around a file: that of its image, where each has a folder of masks."""
    return _last(key.rpartition("/")[0]).removesuffix("_json")
