"""A small data set in each layout of `common.data.layouts.registry.LAYOUTS`, with the same objects in all of them."""

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from datasets import photo, write_tree
from jaxtyping import UInt8
from PIL import Image

from common.data.layouts.cityscapes import TRAINED

SIDE = 8
SPLITS = ("train", "val", "test")


def picture(name: str, side: int = SIDE) -> UInt8[np.ndarray, "h w 3"]:
    """Another photograph for each name."""
    return photo(sum(name.encode()), height=side, width=side)


def box(name: str, side: int = SIDE) -> tuple[slice, slice]:
    """Where the object of an image lies: rows and columns, which differ between images."""
    at = sum(name.encode()) % 3 * side // SIDE
    return slice(at, at + side // 2), slice(side // 4, side * 3 // 4)


def drawn(name: str, value: int = 255, side: int = SIDE) -> UInt8[np.ndarray, "h w"]:
    """The mask of an image."""
    mask = np.zeros((side, side), np.uint8)
    mask[box(name, side)] = value
    return mask


@dataclass(frozen=True)
class Made:
    """A data set that `write` makes of as many images a split as it is told."""

    write: Callable[[Path, int], object]
    layout: str
    splits: tuple[str | None, ...] = SPLITS
    """The splits that its folders or lists say."""
    classes: tuple[str, ...] = ("background", "foreground")
    flags: Mapping[str, str] = field(default_factory=dict)
    truth: Callable[[str], UInt8[np.ndarray, "h w"]] = lambda name: drawn(name, 1)
    """The classes of an image's pixels, by its name."""


def names(count: int) -> dict[str, list[str]]:
    """Names of images by split."""
    return {split: [f"{split}{i}" for i in range(count)] for split in SPLITS}


def by_pattern(images: str, masks: str, value: int = 255) -> Callable[[Path, int], object]:
    """A writer of image and mask files by the pattern of their paths."""

    def write(root: Path, count: int) -> None:
        for split, several in names(count).items():
            for name in several:
                said = {"split": split, "name": name}
                write_tree(root, {images.format(**said): picture(name), masks.format(**said): drawn(name, value)})

    return write


def voc(root: Path, count: int) -> None:
    """Palette files, lists of names, and one more photograph without a mask."""
    lists = root / "ImageSets/Segmentation"
    lists.mkdir(parents=True)
    write_tree(root / "JPEGImages", {"extra.jpg": picture("extra")})
    (root / "class_names.txt").write_text("__ignore__\n_background_\ncell\n")
    (root / "SegmentationClass").mkdir()
    for split, several in names(count).items():
        (lists / f"{split}.txt").write_text("".join(f"{name}\n" for name in several))
        for name in several:
            write_tree(root / "JPEGImages", {f"{name}.jpg": picture(name)})
            palette = Image.fromarray(drawn(name, 1)).convert("P")
            palette.putpalette([0, 0, 0, 128, 0, 0])
            palette.save(root / f"SegmentationClass/{name}.png")
    (lists / "trainval.txt").write_text("".join(f"{name}\n" for name in [*names(count)["train"], *names(count)["val"]]))


def street(name: str) -> UInt8[np.ndarray, "h w"]:
    """The classes of a street scene: a car (13) before stripes of all classes."""
    stripes = np.arange(SIDE * SIDE, dtype=np.uint8).reshape(SIDE, SIDE) % len(TRAINED)
    return np.where(drawn(name) == 0, stripes, 13).astype(np.uint8)


def cityscapes(root: Path, count: int) -> None:
    """Cities, with the other files that lie beside the numbers of classes."""
    numbers = np.array(list(TRAINED), np.uint8)
    for split, several in names(count).items():
        for name in several:
            mask = numbers[street(name)]
            files = {f"leftImg8bit/{split}/bonn/{name}_leftImg8bit.png": picture(name)}
            for kind in ("labelIds", "instanceIds", "color"):
                files[f"gtFine/{split}/bonn/{name}_gtFine_{kind}.png"] = mask
            write_tree(root, files)


def a_folder_each(root: Path, count: int) -> None:
    """Two mask files an image, the halves of its object, and test images without masks."""
    for split, several in names(count).items():
        for name in several:
            folder = root / f"stage1_{split}/{name}"
            write_tree(folder, {f"images/{name}.png": picture(name)})
            if split != "test":
                upper, lower = drawn(name), drawn(name)
                upper[box(name)[0].start + 2 :], lower[: box(name)[0].start + 2] = 0, 0
                write_tree(folder, {"masks/b1.png": upper, "masks/a2.png": lower})


def coco(root: Path, count: int) -> None:
    """A file of polygons for each split, with a box in pixels as the outline of each object."""
    for split, several in names(count).items():
        images, objects = [], []
        for i, name in enumerate(several):
            write_tree(root / f"{split}2017", {f"{name}.jpg": picture(name)})
            images.append({"id": i, "file_name": f"{name}.jpg", "height": SIDE, "width": SIDE})
            objects.append({"id": i, "image_id": i, "category_id": 7, "segmentation": [corners(name, SIDE)]})
        categories = [{"id": 3, "name": "never drawn"}, {"id": 7, "name": "cell"}]
        content = {"images": images, "annotations": objects, "categories": categories}
        path = root / f"annotations/instances_{split}2017.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))


def corners(name: str, scale: float) -> list[float]:
    """The outline of an object as x y x y ..., in images whose sides are `scale`."""
    rows, columns = box(name)
    x, y = [columns.start, columns.stop, columns.stop, columns.start], [rows.start, rows.start, rows.stop, rows.stop]
    return [value * scale / SIDE for pair in zip(x, y, strict=True) for value in pair]


def yolo(root: Path, count: int) -> None:
    """A text an image, and the names of the classes."""
    (root / "data.yaml").parent.mkdir(parents=True, exist_ok=True)
    (root / "data.yaml").write_text("names:\n  0: cell\n")
    for split, several in names(count).items():
        (root / f"labels/{split}").mkdir(parents=True)
        for name in several:
            write_tree(root / f"images/{split}", {f"{name}.jpg": picture(name)})
            (root / f"labels/{split}/{name}.txt").write_text(f"0 {' '.join(map(str, corners(name, 1)))}\n")


def labelme(root: Path, count: int) -> None:
    """A JSON file of a polygon beside each image."""
    for split, several in names(count).items():
        for name in several:
            write_tree(root / split, {f"{name}.jpg": picture(name)})
            pairs = np.reshape(corners(name, SIDE), (-1, 2)).tolist()
            labelme_file(root / f"{split}/{name}.json", [{"label": "cell", "points": pairs, "shape_type": "polygon"}])


def labelme_file(path: Path, shapes: object, side: int = SIDE) -> None:
    """A file as LabelMe writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": f"{path.stem}.jpg", "imageData": None}
    path.write_text(json.dumps({**content, "imageHeight": side, "imageWidth": side}))


def roboflow(root: Path, count: int) -> None:
    """Masks beside the images, with a table of classes in each folder."""
    by_pattern("{split}/{name}.jpg", "{split}/{name}_mask.png", 1)(root, count)
    for split in SPLITS:
        with (root / split / "_classes.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["Pixel Value", " Class"], [0, " background"], [1, " cell"]])


CELL = ("background", "cell")
MADE = {
    "images/SPLIT masks/SPLIT": Made(
        by_pattern("images/{split}/{name}.jpg", "masks/{split}/{name}.png"), "images-masks"
    ),
    "Images labels": Made(by_pattern("Images/{name}.jpg", "labels/{name}.png"), "images-masks", (None,)),
    "train/images train/masks": Made(
        by_pattern("{split}/images/{name}.jpg", "{split}/masks/{name}.png"), "split-folders"
    ),
    "train/Images train/annotations": Made(
        by_pattern("{split}/Images/{name}.jpg", "{split}/annotations/{name}_gt.png"), "split-folders"
    ),
    "train_labels": Made(by_pattern("{split}/{name}.jpg", "{split}_labels/{name}.png"), "train-test-masks"),
    "CamVid": Made(by_pattern("{split}/{name}.png", "{split}annot/{name}.png"), "train-test-masks"),
    "VOC": Made(voc, "voc", classes=("_background_", "cell")),
    "Cityscapes": Made(cityscapes, "cityscapes", classes=tuple(TRAINED.values()), truth=street),
    "x_mask": Made(by_pattern("{name}.jpg", "{name}_mask.png"), "beside", (None,)),
    "x_lesion": Made(by_pattern("{split}/{name}.bmp", "{split}/{name}_lesion.bmp"), "beside"),
    "Roboflow": Made(roboflow, "beside", classes=CELL),
    "a folder each": Made(a_folder_each, "folder-each", ("train", "val")),
    "LabelMe": Made(labelme, "labelme", classes=CELL),
    "COCO": Made(coco, "coco", classes=CELL),
    "YOLO": Made(yolo, "yolo", classes=CELL),
    "patterns": Made(
        by_pattern("{split}/scans/{name}-t1.png", "truth/{split}/gt_{name}.png"),
        "patterns",
        flags={"images": "{parent}/scans/{stem}-t1.png", "masks": "truth/{parent}/gt_{stem}.png"},
    ),
}
"""By a name of the layout; the official pets and others are written by `datasets`."""
