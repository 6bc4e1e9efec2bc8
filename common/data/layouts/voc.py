"""The layout of PASCAL VOC, and of what labelme and CVAT write like it."""

import re
from collections.abc import Mapping
from pathlib import Path

from common.data.classes import Classes, classes_from
from common.data.layouts.folders import Tree, split_of
from common.data.layouts.layout import Found
from common.data.layouts.pairing import pair_masks
from common.data.listing import plain_name
from common.data.samples import Sample, SplitName
from common.data.values import IGNORE, Values
from common.errors import UserError, abbreviate
from common.files import read_lines
from common.words import counted

IMAGES, MASKS, LISTS = "JPEGImages", "SegmentationClass", "ImageSets/Segmentation"
NAMES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
LABELME, CVAT = "class_names.txt", "labelmap.txt"
"""Where labelme and CVAT name the classes: a name a line; and name:red,green,blue:: a line."""


def voc(tree: Tree) -> Found | None:
    """JPEGImages/ beside SegmentationClass/, with lists of names by split; images in no list have no mask."""
    image_folder, mask_folder, lists = (tree.folder(name) for name in (IMAGES, MASKS, LISTS))
    if image_folder is None or mask_folder is None:
        return None
    images, passed_over = tree.images(image_folder)
    drawn, masks_over = tree.masks(mask_folder)
    listed = _listed(lists) if lists else dict.fromkeys(drawn)
    if gaps := [name for name in listed if name not in images]:
        told = counted(len(gaps), "image")
        raise UserError(f"{lists or mask_folder} names {told} that {IMAGES}/ lacks: {abbreviate(gaps)}")
    masks, strays = pair_masks(images, ((key, path) for key, path in drawn.items() if key in listed))
    return Found(
        samples=[Sample(key, images[key], masks.get(key), {}, split) for key, split in listed.items()],
        unlabelled=[Sample(key, image, None, {}, None) for key, image in images.items() if key not in listed],
        lack=f"listed in no file of {LISTS}" if lists else f"without a mask in {MASKS}/",
        strays=strays,
        where=f"looked in {MASKS}/: complete the data set or shorten the lists",
        classes=_classes(tree),
        passed_over=[*passed_over, *masks_over],
    )


def _listed(folder: Path) -> Mapping[str, SplitName | None]:
    """The split of each name that the lists hold. trainval.txt repeats others, unless it is the only list."""
    files = {path.stem: path for path in sorted(folder.glob("*.txt"))}
    if len(files) > 1:
        files.pop("trainval", None)
    listed: dict[str, SplitName | None] = {}
    for stem, path in files.items():
        split = "train" if stem == "trainval" else split_of(stem)
        for line in read_lines(path):
            name = plain_name(line.strip())
            if listed.get(name, split) != split:
                raise UserError(f"{name} is listed as {listed[name]} and as {split} in {folder}; remove one")
            if name:
                listed[name] = split
    return listed


def _classes(tree: Tree) -> Classes | None:
    """The classes that labelme, CVAT or the official data set name."""
    labelme, cvat = (tree.root / name for name in (LABELME, CVAT))
    if labelme.is_file():
        names = [line.strip() for line in read_lines(labelme) if line.strip()]
        kept = [name for name in names if name != "__ignore__"]
        with classes_from(labelme):
            return Classes(tuple(kept), {**{k: k for k in range(len(kept))}, IGNORE: IGNORE})
    if cvat.is_file():
        return _from_cvat(cvat)
    official = (tree.root / "ImageSets/Main/aeroplane_train.txt").is_file() or re.fullmatch(r"VOC\d{4}", tree.root.name)
    return Classes(NAMES, {**{k: k for k in range(len(NAMES))}, IGNORE: IGNORE}) if official else None


def _from_cvat(path: Path) -> Classes:
    """Raises UserError for a table of another kind."""
    lines = [line for line in read_lines(path) if line and not line.startswith("#")]
    rows = [re.match(r"([^:]+):(\d+),(\d+),(\d+):", line) for line in lines]
    if not all(row and max(map(int, row.groups()[1:])) <= 255 for row in rows):
        raise UserError(f"{path} is no table of names and colours (name:red,green,blue::): use --classes in its place")
    ordered = sorted((row for row in rows if row), key=lambda row: row[1] != "background")
    values: Values = {f"#{bytes(map(int, row.groups()[1:])).hex()}": k for k, row in enumerate(ordered)}
    with classes_from(path):
        return Classes(tuple(row[1] for row in ordered), values)
