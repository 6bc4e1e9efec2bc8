"""The layout of COCO: outlines of all images in one JSON file for each split."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from common.data.layouts.folders import Tree, split_of
from common.data.layouts.layout import Found, NoClassesError, classes_of_labels, merged
from common.data.layouts.pairing import natural
from common.data.listing import in_small_letters, plain_name
from common.data.masks.mask import Mask
from common.data.masks.outlines import CocoOutlines, Shape
from common.data.samples import Sample, SplitName
from common.errors import UserError, abbreviate
from common.words import counted

FOLDERS = ("annotations", "labels", "train", "val", "valid", "test")
"""Where the JSON files may lie, beside the data set's own folder."""
MOST = 20
"""A folder of more JSON files has one for each image, which is another format."""


class Picture(NamedTuple):
    """An image, as a JSON file names it."""

    id: str
    name: str
    size: tuple[int, int] | None
    """Height and width; None where the file does not tell them."""


class Document(NamedTuple):
    """A JSON file of COCO, and what it says."""

    path: Path
    folder: str
    """The name of the folder around it; empty for the data set's own."""
    images: Sequence[Picture]
    objects: Mapping[str, Sequence[Mapping[str, Any]]]
    """By the id of an image, its annotations. Some programs write ids as numbers here and as texts there."""
    categories: Mapping[str, str]
    """The names of the classes that have objects, by their ids."""

    @property
    def split(self) -> SplitName | None:
        """The split that the name of the file says (instances_train2017.json), or of its folder."""
        words = [*re.split(r"[_\-. ]", self.path.stem), self.folder]
        return next((split for word in words if (split := split_of(word))), None)


def coco(tree: Tree) -> Found | None:
    """JSON files with images, annotations and categories, beside the images or in a folder of their own."""
    documents = [document for path in _files(tree) if (document := _read(path, tree.root))]
    if not documents:
        return None
    ids = {name: key for document in documents for key, name in document.categories.items()}
    if not ids:
        files = abbreviate([document.path for document in documents])
        raise NoClassesError(f"{files}: no object is annotated: export them")
    names = sorted(ids, key=lambda name: natural(ids[name]))
    classes = classes_of_labels(names, "the categories of the JSON files")
    found = merged([_part(tree, document, names) for document in documents], classes=classes)
    used = {sample.image for sample in found.samples}
    if len(used) < len(found.samples):
        files = abbreviate([document.path for document in documents])
        raise UserError(f"{files} name the same images: keep one of these files, or one for each split")
    rest = {sample.image: sample for sample in found.unlabelled if sample.image not in used}
    return replace(found, unlabelled=list(rest.values()))


def _files(tree: Tree) -> list[Path]:
    """The JSON files that may be COCO's; of those of COCO itself the instances alone."""
    folders = [tree.root, *(folder for name in FOLDERS if (folder := tree.folder(name)))]
    several = [sorted(folder.glob("*.json")) for folder in folders]
    files = [path for paths in several if len(paths) <= MOST for path in paths if not path.name.startswith(".")]
    return [path for path in files if path.name.startswith("instances")] or files


def _read(path: Path, root: Path) -> Document | None:
    """A file of COCO; None for others. Raises UserError for one that is damaged, or not whole."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        if text.strip() and not any(f'"{word}"' in text for word in ("images", "annotations")):
            return None
        content = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"cannot read {path}: {error}") from None
    match content:
        case {"images": [*images], "annotations": [*annotations], "categories": [*categories]}:
            pass
        case _:
            return None
    try:
        objects: dict[str, list[Mapping[str, Any]]] = {}
        for annotation in annotations:
            objects.setdefault(str(annotation["image_id"]), []).append(annotation)
        used = {str(annotation["category_id"]) for annotation in annotations}
        names = {str(category["id"]): str(category["name"]) for category in categories if str(category["id"]) in used}
        pictures = [_picture(image) for image in images]
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is not whole: an entry lacks its id, name or category ({error})") from None
    if objects and not objects.keys() & {picture.id for picture in pictures}:
        raise UserError(f"{path}: the annotations are of images that it does not name: image_id {abbreviate(objects)}")
    if unknown := used - names.keys():
        raise UserError(f"{path} has objects of categories that it does not name: {abbreviate(unknown)}")
    return Document(path, "" if path.parent == root else path.parent.name, pictures, objects, names)


def _part(tree: Tree, document: Document, names: Sequence[str]) -> Found:
    """The images that a file names, with their outlines; others beside them, and those of boxes alone, have none.

    A file without any annotation tells nothing of its images: some are published so, for testing. Raises UserError
    where images are missing.
    """
    folder = _image_folder(tree, document)
    files, passed_over = tree.images(folder)
    small = in_small_letters(files)
    found = [_file(files, picture, small) for picture in document.images]
    masks = {path: _outlines(document, picture, names) for path, picture in zip(found, document.images, strict=True)}
    missing = [picture.name for path, picture in zip(found, document.images, strict=True) if path is None]
    if missing:
        raise UserError(
            f"{document.path} names {counted(len(missing), 'image')} that {folder} lacks: "
            f"{abbreviate(missing)}; add them, or take them out of the file"
        )
    if len(masks) < len(document.images):
        raise UserError(f"{document.path} names an image twice: take it out once")
    inside = "" if folder == tree.root else f"{folder.relative_to(tree.root).as_posix()}/"
    samples = [Sample(inside + key, path, masks.get(path), {}, document.split) for key, path in files.items()]
    return Found(
        samples=[sample for sample in samples if sample.mask is not None],
        unlabelled=[sample for sample in samples if sample.mask is None],
        lack="which no JSON file names, or of which it has boxes without outlines",
        notes=_strangers(document),
        passed_over=passed_over,
    )


def _strangers(document: Document) -> list[str]:
    """A sentence that counts the annotations of images that the file does not name."""
    others = {key: objects for key, objects in document.objects.items() if key not in {p.id for p in document.images}}
    if not others:
        return []
    count = counted(sum(map(len, others.values())), "annotation", "is")
    return [f"{count} left out, of images that {document.path} does not name: image_id {abbreviate(others)}"]


def _image_folder(tree: Tree, document: Document) -> Path:
    """Where the images of a file lie: the first folder in which its first image is."""
    inside = re.sub(r"^instances_", "", document.path.stem)
    names = [name for name in (inside, document.split) if name]
    folders = [tree.folder(*(f"{parent}{name}" for parent in ("images/", "") for name in names)), tree.folder("images")]
    places = [document.path.parent, *(folder for folder in folders if folder), tree.root]
    for folder in places:
        files = tree.images(folder).files
        if document.images and _file(files, document.images[0], in_small_letters(files)):
            return folder
    return tree.root


def _file(files: Mapping[str, Path], picture: Picture, small: Mapping[str, str]) -> Path | None:
    """The file of an image by its name in the JSON file, which may have folders of another machine before it."""
    name = plain_name(picture.name.replace("\\", "/").rpartition(".")[0])
    for word in (name, name.rpartition("/")[2]):
        if path := files.get(word) or files.get(small.get(word.casefold(), "")):
            return path
    return None


def _outlines(document: Document, picture: Picture, names: Sequence[str]) -> Mask | None:
    """The outlines of an image; None where an object has a box alone, and where the file has no objects at all."""
    objects = document.objects.get(picture.id, ())
    if not document.objects or not all(shape.get("segmentation") for shape in objects):
        return None
    numbers = {key: names.index(name) + 1 for key, name in document.categories.items()}
    shapes = tuple(Shape(numbers[str(shape["category_id"])], shape["segmentation"]) for shape in objects)
    return CocoOutlines(document.path, picture.name, picture.size, shapes)


def _picture(image: Mapping[str, Any]) -> Picture:
    height, width = image.get("height"), image.get("width")
    size = (height, width) if isinstance(height, int) and isinstance(width, int) else None
    return Picture(str(image["id"]), str(image["file_name"]), size)
