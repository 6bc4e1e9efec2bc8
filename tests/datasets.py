"""Small data sets in every layout that is understood, written by the tests that read them."""

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from common.data.masks.mask import MaskFile
from common.data.samples import Sample
from common.data.values import Values


def photo(seed: int = 0, *, height: int = 40, width: int = 50) -> UInt8[np.ndarray, "h w 3"]:
    """A smooth colour picture, another one for every seed; it survives JPEG nearly unchanged."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def square_mask(
    value: int, *, background: int = 0, border: int | None = None, height: int = 40, width: int = 50
) -> UInt8[np.ndarray, "h w"]:
    """A square of one value in the middle, with a frame of another value around it if `border` is given."""
    mask = np.full((height, width), background, dtype=np.uint8)
    if border is not None:
        mask[height // 4 - 2 : -height // 4 + 2, width // 4 - 2 : -width // 4 + 2] = border
    mask[height // 4 : -height // 4, width // 4 : -width // 4] = value
    return mask


def disc(
    index: int, colour: tuple[int, int, int] = (180, 180, 180)
) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]:
    """A bright disc on a dark ground, in 14 sizes and places by index; its mask has a border of 255 around 1."""
    step = index % 14
    height, width = 40 + 3 * step, 90 - 2 * step
    rows, columns = np.mgrid[:height, :width]
    distance = np.hypot(rows - height / 2, columns - 20 - 2 * step)
    mask = np.select([distance < 10, distance < 12], [1, 255], 0).astype(np.uint8)
    noise = np.random.default_rng(index).integers(0, 40, (height, width, 3))
    return (np.where(mask[..., None] == 1, colour, 30) + noise).astype(np.uint8), mask


def write_tree(root: Path, files: Mapping[str, UInt8[np.ndarray, "..."]]) -> Path:
    """Writes arrays as image files below `root`; the suffix says the format. Returns `root`."""
    for name, array in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(path)
    return root


def write_folder(root: Path, count: int = 40) -> Path:
    """A flat folder of photographs without masks."""
    return write_tree(root, {f"photo_{i:03}.jpg": photo(i) for i in range(count)})


def write_images_masks(root: Path, count: int = 20, *, foreground: int = 255) -> Path:
    """images/ and masks/ paired by name, binary."""
    masks = {f"masks/{i:03}.png": square_mask(foreground) for i in range(count)}
    return write_tree(root, {f"images/{i:03}.jpg": photo(i) for i in range(count)} | masks)


def write_train_test_masks(root: Path, train: int = 20, test: int = 5) -> Path:
    """train/ train_masks/ test/ test_masks/, binary, masks named like image plus `_mask`."""
    for split, count in (("train", train), ("test", test)):
        write_tree(root / split, {f"{i:03}.jpg": photo(i + 1000 * (split == "test")) for i in range(count)})
        write_tree(root / f"{split}_masks", {f"{i:03}_mask.png": square_mask(255) for i in range(count)})
    return root


def write_train_val_test(root: Path, train: int = 6, val: int = 3, test: int = 3) -> Path:
    """Train/resized and the rest of that tree: cats (1) and dogs (2) in turn, with a border of 255."""
    folders = (
        ("Train", "resized_label", train),
        ("Val", "processed_labels", val),
        ("Test", "masks", test),
    )
    for part, (split, labels, count) in enumerate(folders):
        for i in range(count):
            write_tree(
                root / split,
                {
                    f"resized/{i:03}.jpg": photo(100 * part + i),
                    f"{labels}/{i:03}.png": square_mask(1 + i % 2, border=255),
                },
            )
    return root


def write_oxford(root: Path, trainval: int = 20, test: int = 4, unlisted: int = 1) -> Path:
    """The official Oxford-IIIT Pet layout: cats and dogs in turn, trimaps of pet 1, ground 2, border 3."""
    count = trainval + test + unlisted
    names = [f"{'beagle' if i % 2 else 'Bengal'}_{i}" for i in range(count)]
    trimap = square_mask(1, background=2, border=3)
    write_tree(root / "images", {f"{name}.jpg": photo(i) for i, name in enumerate(names)})
    write_tree(root / "annotations" / "trimaps", {f"{name}.png": trimap for name in names})
    lines = [f"{name} 1 {2 if name.islower() else 1} 1\n" for name in names]
    annotations = root / "annotations"
    (annotations / "trainval.txt").write_text("".join(lines[:trainval]))
    (annotations / "test.txt").write_text("".join(lines[trainval : trainval + test]))
    (annotations / "list.txt").write_text("#Image CLASS-ID SPECIES BREED ID\n" + "".join(lines))
    return root


def sample(image: Path, mask: Path | None = None, values: Values | None = None) -> Sample:
    """A sample of one image file, without an official split."""
    return Sample(image.stem, image, mask and MaskFile(mask), values or {}, None)
