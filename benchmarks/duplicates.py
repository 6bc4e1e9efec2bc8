"""How surely pictures that are the same are found: `python -m benchmarks.duplicates --data_dir FOLDER ...`.

For each folder of images, and for made-up discs on plain ground: the pairs that are taken for one picture, to be
looked at, and the share of images that are found again when they are saved otherwise.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from common.config.groups import DataConfig
from common.data.duplicates import near_duplicates
from common.data.load import load_splits
from common.data.pack import Pack

Images = UInt8[np.ndarray, "n h w 3"]
SIDE, DISCS, LOOKED = 128, 300, 200
Change = Callable[[UInt8[np.ndarray, "h w 3"]], UInt8[np.ndarray, "h w 3"]]


def saved_as_jpeg(quality: int) -> Change:
    """Compress an image, and read it again."""

    def change(image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)

    return change


def resized(side: int) -> Change:
    """Shrink an image to so many pixels a side."""
    return lambda image: np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def cut(pixels: int) -> Change:
    """Cut so many pixels off every side."""
    return lambda image: image[pixels:-pixels, pixels:-pixels]


CHANGES: dict[str, Change] = {
    "JPEG 60": saved_as_jpeg(60),
    "JPEG 20": saved_as_jpeg(20),
    "half the side": resized(SIDE // 2),
    "a third of it": resized(SIDE // 3),
    "gamma 1.5": lambda image: (255 * (image / 255) ** 1.5).astype(np.uint8),
    "mirrored": lambda image: np.ascontiguousarray(image[:, ::-1]),
    "2 % cut off": cut(3),
    "5 % cut off": cut(6),
}


def pack_of(images: Sequence[UInt8[np.ndarray, "h w 3"]]) -> Pack:
    """Images without files."""
    names = tuple(map(str, range(len(images))))
    return Pack(images=np.stack(images), masks=None, keys=names, digests=names)


def discs() -> Images:
    """Discs on plain ground."""
    random = np.random.default_rng(0)
    images = np.empty((DISCS, SIDE, SIDE, 3), np.uint8)
    for image in images:
        image[:] = random.integers(40, 200)
        x, y = random.integers(40, 88, 2).tolist()
        cv2.circle(image, (x, y), int(random.integers(15, 35)), (int(random.integers(0, 255)),) * 3, -1)
    return images


def tell(name: str, pack: Pack) -> None:
    """Print what is found among the images of a pack."""
    pairs = [(a, b) for a, b in near_duplicates(pack, pack).tolist() if a < b]
    named = ", ".join(f"{pack.keys[a]} = {pack.keys[b]}" for a, b in pairs[:20])
    print(f"{name}: {len(pairs)} of {len(pack) * (len(pack) - 1) // 2:,} pairs are taken for one picture: {named}")
    chosen = range(min(LOOKED, len(pack)))
    for change, make in CHANGES.items():
        found = [len(near_duplicates(pack.take(np.array([i])), pack_of([make(pack.images[i])]))) for i in chosen]
        print(f"  found again, {change}: {np.mean(found):.3f}")


def main() -> None:
    """Tell it of the discs and of each folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=Path, nargs="*", default=[], help="folders of images")
    options = parser.parse_args()
    tell("discs", pack_of(list(discs())))
    for folder in options.data_dir:
        tell(folder.name, load_splits(DataConfig(data_dir=folder, image_size=SIDE)).train)


if __name__ == "__main__":
    main()
