"""The layout of LabelMe: a JSON file of outlines for each image, beside it or in a folder of its own."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from common.data.classes import Classes, classes_of_objects
from common.data.layouts.folders import Tree, sample_in
from common.data.layouts.layout import Found, splits_note
from common.data.layouts.pairing import natural
from common.data.listing import list_images
from common.data.masks.labelme import AREAS, LabelmeOutlines, Outline, outlines_in
from common.data.values import IGNORE
from common.errors import abbreviate
from common.words import counted

JSON = (".json",)
NO_CLASS = {"background": 0, "_background_": 0, "__ignore__": IGNORE}
"""Labels that name no class of their own, as LabelMe's own programs read them, with their numbers in the mask."""


def labelme(tree: Tree) -> Found | None:
    """x.json for x.jpg, in one folder or in two, as LabelMe and X-AnyLabeling write it; folders may say the split."""
    files = {key: path for key, path in list_images(tree.root, JSON).files.items() if _may_be(path)}
    outlines = {key: _outlines(path) for key, path in files.items()}
    if not any(outlines.values()):
        return None
    images, passed_over = tree.images()
    homes = _homes(files, images)
    drawn = [outline for several in outlines.values() for outline in several or ()]
    labels = sorted({outline.label for outline in drawn if outline.kind in AREAS} - NO_CLASS.keys(), key=natural)
    numbers = {**NO_CLASS, **{label: number for number, label in enumerate(labels, start=1)}}
    masks = {homes[key]: LabelmeOutlines(path, numbers) for key, path in files.items() if key in homes}
    samples = [sample_in(None, key, image, masks.get(key)) for key, image in images.items()]
    labelled = [sample for sample in samples if sample.mask is not None]
    return Found(
        samples=labelled,
        unlabelled=[sample for sample in samples if sample.mask is None],
        lack="of which there is no JSON file",
        strays=[path for key, path in files.items() if key not in homes],
        classes=_classes(labels, ignored=any(outline.label == "__ignore__" for outline in drawn)),
        notes=[*splits_note(labelled), *_without_area(drawn)],
        passed_over=passed_over,
    )


def _may_be(path: Path) -> bool:
    """Whether a JSON file may be one of LabelMe, or was one; others may be large, and are not taken apart."""
    try:
        content = path.read_bytes()
    except OSError:
        return True
    return b'"shapes"' in content or not content.strip()


def _outlines(path: Path) -> Sequence[Outline] | None:
    """The outlines in a file of LabelMe; None for other JSON, and for a damaged file, which its image tells of."""
    try:
        return outlines_in(json.loads(path.read_bytes()))
    except (OSError, ValueError, RecursionError):
        return None


def _homes(files: Mapping[str, Path], images: Mapping[str, Path]) -> dict[str, str]:
    """The image of each file: that of the same path, else the only one of the same name."""
    count = Counter(_name(key) for key in images)
    by_name = {_name(key): key for key in images if count[_name(key)] == 1}
    found = {key: key if key in images else by_name.get(_name(key)) for key in files}
    return {key: image for key, image in found.items() if image is not None}


def _name(key: str) -> str:
    return key.rpartition("/")[2].casefold()


def _classes(labels: Sequence[str], *, ignored: bool) -> Classes:
    classes = classes_of_objects(labels)
    return replace(classes, values={**classes.values, IGNORE: IGNORE}) if ignored else classes


def _without_area(outlines: Sequence[Outline]) -> list[str]:
    """A sentence that counts the shapes that can't be a mask."""
    others = [outline for outline in outlines if outline.kind not in AREAS]
    if not others:
        return []
    kinds = abbreviate(sorted({outline.kind for outline in others}))
    return [f"{counted(len(others), 'shape', 'is')} left out, of a kind that covers no area: {kinds}"]
