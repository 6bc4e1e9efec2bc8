"""The layout of YOLO: outlines as texts beside the images."""

from pathlib import Path

from common.config.yaml_file import load_yaml
from common.data.classes import Classes, classes_from, classes_of_objects
from common.data.layouts.folders import SPLIT_NAMES, Tree, sample_in, split_of
from common.data.layouts.layout import Found, merged, splits_note
from common.data.listing import in_small_letters, list_images
from common.data.masks.mask import NoObjects
from common.data.masks.outlines import YoloOutlines
from common.errors import UserError, abbreviate
from common.files import read_lines
from common.words import counted

TEXT = (".txt",)
TABLES = ("data.yaml", "data.yml", "dataset.yaml")
LISTS = ("classes.txt", "obj.names", "labels/classes.txt", "labels/train/classes.txt", "train/labels/classes.txt")
"""Where labelImg and darknet name the classes, a name a line."""
ASIDE = ("classes", "train/classes", "val/classes", "test/classes")
"""Names of such lists among the outlines."""


def yolo(tree: Tree) -> Found | None:
    """images/ beside labels/*.txt, with folders of splits inside them or around them."""
    around = ["", *(f"{name}/" for names in SPLIT_NAMES.values() for name in names)]
    parts = [part for prefix in around if (part := _part(tree, prefix))]
    return merged(parts, classes=_classes(tree)) if parts else None


def _part(tree: Tree, prefix: str) -> Found | None:
    """The images of {prefix}images with their texts in {prefix}labels. An image without a text has no objects."""
    image_folder, text_folder = tree.folder(f"{prefix}images"), tree.folder(f"{prefix}labels")
    if image_folder is None or text_folder is None:
        return None
    images, passed_over = tree.images(image_folder)
    small = in_small_letters(images)
    listed = {
        key: path for key, path in list_images(text_folder, TEXT).files.items() if key not in ASIDE or key in images
    }
    texts = {key if key in images else small.get(key.casefold(), key): path for key, path in listed.items()}
    if not images.keys() & texts.keys():
        return None
    split = split_of(prefix.rstrip("/"))
    samples = [
        sample_in(split, key, image, YoloOutlines(texts[key]) if key in texts else NoObjects())
        for key, image in images.items()
    ]
    empty = [key for key in images if key not in texts]
    count = counted(len(empty), "image", "is")
    told = [f"{count} without a text in labels/, and taken to show no object: {abbreviate(empty)}"]
    return Found(
        samples=samples,
        strays=[path for key, path in texts.items() if key not in images],
        notes=[*([] if split else splits_note(samples)), *(told if empty else [])],
        passed_over=passed_over,
    )


def _classes(tree: Tree) -> Classes | None:
    """The classes that data.yaml names. Raises UserError for names that are none."""
    path = next((tree.root / name for name in (*TABLES, *LISTS) if (tree.root / name).is_file()), None)
    if path is None:
        return None
    names = _names(path)
    with classes_from(path):
        return classes_of_objects(names)


def _names(path: Path) -> list[str]:
    """The names of classes in a list or a table. Raises UserError where there are none."""
    if path.suffix not in (".yaml", ".yml"):
        return [name for line in read_lines(path) if (name := line.strip())]
    content = load_yaml(path, as_text=True)
    match content:
        case {"names": [*names]}:
            pass
        case {"names": {**by_number}}:
            names = [by_number.get(str(number)) for number in range(len(by_number))]
        case _:
            names = []
    if not names or not all(isinstance(name, str) for name in names):
        raise UserError(f"{path} names no classes (names: [cell, vessel]): add them, or give --classes a file of yours")
    return [str(name) for name in names]
