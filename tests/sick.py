"""Made-up data sets, each with one thing wrong."""

import io
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from datasets import photo, square_mask, write_tree
from PIL import Image

from common.data.samples import SPLITS
from common.doctor.finding import Level

EACH = 9
"""Images of each split."""


def write_clean(root: Path) -> Path:
    """images/ and masks/ with folders for the splits, in which nothing is wrong."""
    names = {f"{split}/{i}": photo(100 * place + i) for place, split in enumerate(SPLITS) for i in range(EACH)}
    write_tree(root, {f"images/{name}.png": picture for name, picture in names.items()})
    return write_tree(root, {f"masks/{name}.png": square_mask(255) for name in names})


@dataclass(frozen=True)
class Sick:
    """What is made of a clean data set, and what is then found, which is the worst of all."""

    make: Callable[[Path], object]
    kind: str
    level: Level = "error"
    count: int = 1
    flags: Sequence[str] = ()


def image(name: str, array: np.ndarray) -> Callable[[Path], object]:
    """Write one image."""
    return lambda root: write_tree(root, {name: array})


def content(name: str, data: bytes) -> Callable[[Path], object]:
    """Write bytes."""
    return lambda root: (root / name).write_bytes(data)


def cut(name: str, share: float = 0.5) -> Callable[[Path], object]:
    """Cut the end off a file."""
    return lambda root: os.truncate(root / name, int(share * (root / name).stat().st_size))


def removed(name: str) -> Callable[[Path], object]:
    """Remove a file."""
    return lambda root: (root / name).unlink()


def copied(name: str, to: str, *, mask: bool = True) -> Callable[[Path], object]:
    """Copy an image over another, and its mask with it."""

    def make(root: Path) -> None:
        for folder in ("images", "masks") if mask else ("images",):
            shutil.copy(root / folder / name, root / folder / to)

    return make


def saved_again(root: Path) -> None:
    """A test image, compressed, among those of training."""
    picture = photo(555, height=128, width=128)
    write_tree(root, {"images/test/0.png": picture, "masks/test/0.png": square_mask(255, height=128, width=128)})
    Image.fromarray(picture).save(root / "images/train/0.png", format="JPEG", quality=40)
    write_tree(root, {"masks/train/0.png": square_mask(255, height=128, width=128)})


def every_mask(value: int) -> Callable[[Path], object]:
    """All masks with another value for the foreground."""
    names = [f"masks/{split}/{i}.png" for split in SPLITS for i in range(EACH)]
    return lambda root: write_tree(root, {name: square_mask(value) for name in names})


def stack(root: Path) -> None:
    """A TIFF of two pages in the place of an image."""
    (root / "images/train/0.png").unlink()
    first, second = (Image.fromarray(photo(i)) for i in (50, 51))
    first.save(root / "images/train/0.tif", save_all=True, append_images=[second])


def palettes(root: Path) -> None:
    """Two masks with different palettes."""
    for name, colours in (("0", [0, 0, 0, 255, 0, 0]), ("1", [255, 0, 0, 0, 0, 0])):
        mask = Image.fromarray(square_mask(1)).convert("P")
        mask.putpalette(colours)
        mask.save(root / f"masks/train/{name}.png")


def few_test_images(root: Path) -> None:
    for i in range(5):
        removed(f"images/test/{i}.png")(root)
        removed(f"masks/test/{i}.png")(root)


def empty_in(*splits: str) -> Callable[[Path], object]:
    """Masks of nothing in whole splits."""
    names = [f"masks/{split}/{i}.png" for split in splits for i in range(EACH)]
    return lambda root: write_tree(root, {name: np.zeros((40, 50), np.uint8) for name in names})


def corrupt(root: Path) -> None:
    """A JPEG with a hole in its data, which libjpeg only warns of."""
    _, data = cv2.imencode(".jpg", photo(0, height=200, width=200))
    broken = data.tobytes()
    middle = len(broken) // 2
    (root / "images/train/0.png").write_bytes(broken[:middle] + broken[middle + 60 :])
    write_tree(root, {"masks/train/0.png": square_mask(255, height=200, width=200)})


def avif_with_a_hole(root: Path) -> None:
    """A file whose reader raises an error of no common kind."""
    file = io.BytesIO()
    Image.fromarray(photo(0)).save(file, "AVIF")
    (root / "images/train/0.png").write_bytes(file.getvalue()[:-20] + bytes(20))


def half_an_array(root: Path) -> None:
    """A mask of NumPy whose head breaks off."""
    (root / "masks/train/0.png").unlink()
    (root / "masks/train/0.npy").write_bytes(b"\x93NUMPY\x01\x00\x0a\x00{'descr':\n" + bytes(20))


def both(*makes: Callable[[Path], object]) -> Callable[[Path], object]:
    """One after the other."""
    return lambda root: [make(root) for make in makes]


def small_objects(root: Path) -> None:
    """Nuclei of 4 pixels in images of 160."""
    mask = np.zeros((160, 160), np.uint8)
    for at in range(20, 150, 20):
        mask[at : at + 4, at : at + 4] = 255
    for split in SPLITS:
        for i in range(EACH):
            picture = photo(i + 100 * SPLITS.index(split), height=160, width=160)
            write_tree(root, {f"images/{split}/{i}.png": picture, f"masks/{split}/{i}.png": mask})


def photographs(*copies: str) -> Callable[[Path], object]:
    """A folder of photographs, with copies of images among them."""

    def make(root: Path) -> None:
        write_tree(root / "photos", {f"{i}.png": photo(900 + i) for i in range(4)})
        for name in copies:
            shutil.copy(root / name, root / "photos/copy.png")

    return make


PHOTOS = ("--unlabelled_dir", "photos")
SICK = {
    "an image without a mask": Sick(removed("masks/train/0.png"), "image-without-mask"),
    "a mask without an image": Sick(removed("images/train/0.png"), "mask-without-image"),
    "a truncated image": Sick(cut("images/train/0.png"), "image-unreadable"),
    "an empty file": Sick(content("images/train/0.png", b""), "image-unreadable"),
    "a page of HTML": Sick(content("images/train/0.png", b"<html>not found</html>"), "image-unreadable"),
    "two bad files": Sick(
        both(cut("images/train/0.png"), content("images/val/1.png", b"x")), "image-unreadable", count=2
    ),
    "an AVIF with a hole": Sick(avif_with_a_hole, "image-unreadable"),
    "half an array": Sick(half_an_array, "mask-unreadable"),
    "a truncated mask": Sick(cut("masks/train/0.png"), "mask-unreadable"),
    "a mask of another size": Sick(image("masks/train/0.png", square_mask(255, height=30)), "mask-size"),
    "a mask turned by a quarter": Sick(image("masks/train/0.png", square_mask(255, height=50, width=40)), "mask-size"),
    "values that no class has": Sick(every_mask(7), "mask-values", count=3 * EACH),
    "one mask in colours": Sick(image("masks/train/0.png", photo(1)), "mask-values"),
    "1 and 255": Sick(image("masks/train/0.png", square_mask(1)), "mask-255", count=3 * EACH - 1),
    "two palettes": Sick(palettes, "masks-differ"),
    "several pages": Sick(stack, "several-pictures"),
    "names that differ in the suffix": Sick(image("images/train/0.bmp", photo(77)), "names"),
    "a table of splits that lacks images": Sick(
        lambda root: (root / "splits.csv").write_text("stem,split\ntrain/0,train\n"), "names"
    ),
    "no masks at all": Sick(lambda root: shutil.rmtree(root / "masks"), "layout"),
    "nothing at all": Sick(lambda root: [shutil.rmtree(root / name) for name in ("images", "masks")], "layout"),
    "one image": Sick(
        lambda root: [
            removed(f"{folder}/{split}/{i}.png")(root)
            for folder in ("images", "masks")
            for split in SPLITS
            for i in range(EACH)
            if (split, i) != ("train", 0)
        ],
        "split-empty",
    ),
    "a test image in training": Sick(copied("test/0.png", "train/0.png"), "copies-across-splits"),
    "a test image saved again in training": Sick(saved_again, "near-copies-across-splits", "warning"),
    "copies with different masks": Sick(
        both(
            copied("train/0.png", "train/1.png", mask=False),
            image(
                "masks/train/1.png",
                square_mask(255, height=40)[::1] // 255 * 255 * (np.arange(50) < 20).astype(np.uint8),
            ),
        ),
        "copies-differ",
        "warning",
    ),
    "a copy in one split": Sick(copied("train/0.png", "train/1.png"), "copies-within-split", "info"),
    "a test image among the photographs": Sick(photographs("images/test/0.png"), "photographs-tested", flags=PHOTOS),
    "a validation image among them": Sick(
        photographs("images/val/0.png"), "photographs-tested", "warning", flags=PHOTOS
    ),
    "a bad photograph": Sick(
        both(photographs(), content("photos/0.png", b"no image")), "image-unreadable", flags=PHOTOS
    ),
    "no photographs": Sick(lambda root: (root / "photos").mkdir(), "layout", flags=PHOTOS),
    "a mask of nothing": Sick(image("masks/train/0.png", np.zeros((40, 50), np.uint8)), "mask-empty", "warning"),
    "masks of nothing": Sick(empty_in(*SPLITS), "mask-empty", count=3 * EACH),
    "no foreground in a split": Sick(empty_in("val"), "class-absent", "warning"),
    "few test images": Sick(few_test_images, "test-images", "warning", count=EACH - 5),
    "a JPEG with a hole": Sick(corrupt, "lost-corrupt", "warning"),
    "a black image": Sick(image("images/train/0.png", np.zeros((40, 50, 3), np.uint8)), "image-blank", "warning"),
    "objects that vanish": Sick(small_objects, "object-size", "warning", count=3 * EACH * 7, flags=("--fit", "squash")),
    "a type that is not read": Sick(content("images/train/extra.dcm", b"x"), "passed-over", "warning"),
    "a wrong suffix": Sick(
        lambda root: Image.fromarray(photo(0)).save(root / "images/train/0.png", format="BMP"),
        "image-named-wrong",
        "info",
    ),
    "a large image": Sick(
        image("images/train/0.png", photo(0, height=400, width=500)),
        "mask-size",
    ),
    "one bright image": Sick(
        image("images/train/0.png", np.minimum(photo(0) // 16 + 235, 254).astype(np.uint8)),
        "brightness-outlier",
        "info",
    ),
}
