"""On which images pseudo-masks look wrong: `python -m benchmarks.pseudo_masks --photographs FOLDER ...`.

For each folder of images, and for made-up textures that show no object: the share of the images whose pseudo-masks,
from colours, cover next to nothing, nearly everything, or the colours of the background.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from common.config.groups import DataConfig
from common.data.load import load_splits
from common.data.pack import Pack
from common.rows import markdown_table
from pretrain.pseudo_masks.doubts import LOOKED_AT, shares_of_doubt
from pretrain.pseudo_masks.grabcut import foreground

SIDE, MADE = 128, 40
Image = UInt8[np.ndarray, "h w 3"]


def coloured(pattern: np.ndarray, random: np.random.Generator) -> Image:
    """A pattern with values around 0 to 1, between two colours and with a little noise."""
    low, high = random.integers(0, 256, (2, 3))
    return np.clip(low + (high - low) * pattern[..., None] + random.normal(0, 4, (SIDE, SIDE, 3)), 0, 255).astype(
        np.uint8
    )


def grass(random: np.random.Generator) -> Image:
    """Noise of several scales in the shades of one colour."""
    noise = random.normal(size=(SIDE, SIDE))
    mixed = sum(scale * cv2.GaussianBlur(noise, (0, 0), float(scale)) for scale in (1, 2, 4))
    return coloured(0.5 + np.asarray(mixed) / np.std(mixed) / 6, random)


def stripes(random: np.random.Generator) -> Image:
    """Stripes in any direction."""
    angle, pace = random.uniform(0, np.pi), random.uniform(0.1, 0.5)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return coloured(0.5 + 0.5 * np.sin(pace * (np.cos(angle) * rows + np.sin(angle) * columns)), random)


def checks(random: np.random.Generator) -> Image:
    """A chessboard."""
    rows, columns = np.mgrid[:SIDE, :SIDE] // random.choice([4, 8, 16])
    return coloured((rows + columns) % 2, random)


def clouds(random: np.random.Generator) -> Image:
    """Smooth noise in all colours."""
    noise = cv2.GaussianBlur(random.normal(size=(SIDE, SIDE, 3)), (0, 0), float(random.choice([3, 6, 12])))
    return (255 * (noise - noise.min()) / np.ptp(noise)).astype(np.uint8)


TEXTURES: dict[str, Callable[[np.random.Generator], Image]] = {
    "grass": grass,
    "stripes": stripes,
    "chessboards": checks,
    "noise": lambda random: random.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8),
    "one colour": lambda random: coloured(np.zeros((SIDE, SIDE)), random),
    "clouds": clouds,
}


def made_up(kind: str) -> Pack:
    """Textures of a kind."""
    random = np.random.default_rng(0)
    names = tuple(map(str, range(MADE)))
    images = np.stack([TEXTURES[kind](random) for _ in names])
    return Pack(images=images, masks=None, keys=names, digests=names)


def read(folder: Path) -> Pack:
    """Images of a folder, evenly spread over all."""
    pack = load_splits(DataConfig(data_dir=folder, image_size=SIDE)).train
    return pack.take(np.linspace(0, len(pack) - 1, min(len(pack), LOOKED_AT)).round().astype(int))


def main(argv: Sequence[str] | None = None) -> None:
    """Print a row for each folder and each kind of texture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=Path, nargs="+", default=[], help="folders of images")
    folders = parser.parse_args(argv).photographs
    packs = {str(folder): read(folder) for folder in folders} | {kind: made_up(kind) for kind in TEXTURES}
    rows = []
    for name, pack in packs.items():
        masks = np.stack([foreground(pack.content(index)) for index in range(len(pack))])
        shares = shares_of_doubt(replace(pack, masks=masks.astype(np.uint8)))
        rows.append([name, str(len(pack)), *(f"{share:.0%}" for share in shares.values())])
    print("\n".join(markdown_table(["images", "number", "nothing", "everything", "colours alike"], rows)))


if __name__ == "__main__":
    main()
