"""The layout of LabelMe: a JSON file of outlines for each image, beside it or in a folder of its own."""

import json
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from common.data.classes import Classes
from common.data.layouts.folders import Tree, sample_in
from common.data.layouts.layout import Found, classes_of_labels, splits_note
from common.data.layouts.pairing import natural
from common.data.listing import in_small_letters, list_images, plain_name
from common.data.masks.labelme import AREAS, LabelmeOutlines, Outline, outlines_in
from common.data.values import IGNORE
from common.errors import UserError, abbreviate
from common.words import counted

JSON = (".json",)
NO_CLASS = {"background": 0, "_background_": 0, "__ignore__": IGNORE}
"""Labels that name no class of their own, as LabelMe's own programs read them, with their numbers in the mask."""


class Document(NamedTuple):
    """A file of LabelMe."""

    path: Path
    image: str
    """Where its image lies, from its own folder."""
    outlines: Sequence[Outline] = ()


def labelme(tree: Tree) -> Found | None:
    """x.json for x.jpg, in one folder or in two, as LabelMe and X-AnyLabeling write it; folders may say the split."""
    files = {key: _read(path) for key, path in list_images(tree.root, JSON).files.items()}
    documents = {key: document for key, document in files.items() if document is not None}
    drawn = [outline for document in documents.values() for outline in document.outlines]
    if not drawn:
        return None
    images, passed_over = tree.images()
    homes = _homes(documents, images)
    labels = sorted({outline.label for outline in drawn if outline.kind in AREAS} - NO_CLASS.keys(), key=natural)
    numbers = {**NO_CLASS, **{label: number for number, label in enumerate(labels, start=1)}}
    masks = {home: LabelmeOutlines(documents[key].path, numbers) for key, home in homes.items()}
    samples = [sample_in(None, key, image, masks.get(key)) for key, image in images.items()]
    labelled = [sample for sample in samples if sample.mask is not None]
    return Found(
        samples=labelled,
        unlabelled=[sample for sample in samples if sample.mask is None],
        lack="of which there is no JSON file",
        strays=[document.path for key, document in documents.items() if key not in homes],
        classes=_classes(labels, ignored=any(outline.label == "__ignore__" for outline in drawn)),
        notes=[*splits_note(labelled), *_without_area(drawn)],
        passed_over=passed_over,
    )


def _read(path: Path) -> Document | None:
    """A file of LabelMe; None for other JSON. A damaged file has no outlines here: its image will tell of it."""
    damaged = Document(path, "")
    try:
        content = path.read_bytes()
        if b'"shapes"' not in content and content.strip():
            return None  # not taken apart, for it may be large
        document = json.loads(content)
        outlines = outlines_in(document)
        return None if outlines is None else Document(path, str(document["imagePath"]), outlines)
    except (OSError, ValueError, RecursionError):
        return damaged


def _homes(documents: Mapping[str, Document], images: Mapping[str, Path]) -> dict[str, str]:
    """The image of each file by its key. Raises UserError where an image has several files."""
    beside = {_folder(key) for key in documents if key in images}
    small = in_small_letters(images)
    homes: dict[str, str] = {}
    for key, document in documents.items():
        named = posixpath.normpath(posixpath.join(_folder(key), document.image.replace("\\", "/")))
        home = key if key in images else small.get(plain_name(named.rpartition(".")[0]).casefold())
        if home is None and _folder(key) not in beside:
            home = _nearest(key, [image for image in images if _name(image) == _name(key)])
        if home is not None:
            homes[key] = home
    files: dict[str, list[Path]] = {}
    for key, home in homes.items():
        files.setdefault(home, []).append(documents[key].path)
    for home, paths in files.items():
        if len(paths) > 1:
            raise UserError(f"{images[home]} has {len(paths)} files of outlines: {abbreviate(paths)}; keep one of them")
    return homes


def _nearest(key: str, images: Sequence[str]) -> str | None:
    """The image of the same name that shares the most folders with a file; None where two share as many."""
    shared = [len(posixpath.commonpath([f"/{key}", f"/{image}"])) for image in images]
    nearest = [image for image, length in zip(images, shared, strict=True) if length == max(shared)]
    return nearest[0] if len(nearest) == 1 else None


def _folder(key: str) -> str:
    return key.rpartition("/")[0]


def _name(key: str) -> str:
    return key.rpartition("/")[2].casefold()


def _classes(labels: Sequence[str], *, ignored: bool) -> Classes:
    classes = classes_of_labels(labels, "the labels of the JSON files")
    return replace(classes, values={**classes.values, IGNORE: IGNORE}) if ignored else classes


def _without_area(outlines: Sequence[Outline]) -> list[str]:
    """A sentence that counts the shapes that can't be a mask."""
    others = [outline for outline in outlines if outline.kind not in AREAS]
    if not others:
        return []
    kinds = abbreviate(sorted({outline.kind for outline in others}))
    return [f"{counted(len(others), 'shape', 'is')} left out, of a kind that covers no area: {kinds}"]
