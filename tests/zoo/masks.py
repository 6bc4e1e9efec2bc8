"""Masks that fit no image, or mean no class."""

from pathlib import Path

import numpy as np
from datasets import photo, square_mask
from PIL import Image
from zoo.images import encoded, half
from zoo.row import DATA, Row, both, pairs, text, with_file

SIZE = {"height": 16, "width": 20}


def tiff(array: np.ndarray) -> bytes:
    return encoded(Image.fromarray(array), "TIFF")


def masks_of(value: int, count: int = 8) -> None:
    """All masks of a data set."""
    for i in range(count):
        Path(f"data/masks/{i}.png").write_bytes(encoded(square_mask(value, **SIZE)))


def instead(name: str, held: bytes):
    """`pairs`, with a mask of another type of file."""
    return both(pairs, lambda: Path("data/masks/3.png").unlink(), text(f"data/masks/{name}", held))


def smooth() -> np.ndarray:
    return np.linspace(0, 255, 320).reshape(16, 20).astype(np.uint8)


MASK = {
    "of another size": (encoded(square_mask(255, height=20, width=16)), "3.png"),
    "turned": (encoded(square_mask(255, **SIZE).T), "3.png"),
    "in colour": (encoded(photo(1, **SIZE)), "3.png"),
    "with soft edges": (encoded(smooth()), "3.png"),
    "of 16 bits, out of range": (encoded(Image.fromarray(np.full((16, 20), 3000, np.uint16))), "3.png"),
    "of an unknown value": (encoded(square_mask(77, **SIZE)), "77"),
    "empty": (b"", "3.png"),
    "of 50 %": (half("PNG", 0.5), "3.png"),
    "a text": (b"mask", "3.png"),
}
OTHER = {
    "JPEG with noise": ("3.jpg", encoded(Image.fromarray(smooth()), "JPEG", quality=20), "3.jpg"),
    "of fractions": ("3.tif", tiff(np.full((16, 20), 0.5, np.float32)), "3.tif"),
    "of negative numbers": ("3.tif", tiff(np.full((16, 20), -1, np.int32)), "3.tif"),
    "of no numbers": ("3.tif", tiff(np.full((16, 20), np.nan, np.float32)), "3.tif"),
}

ROWS = [
    *(
        Row(f"mask {kind}", with_file("masks/3.png", held), "transfer", DATA, said)
        for kind, (held, said) in MASK.items()
    ),
    *(Row(f"mask {kind}", instead(name, held), "transfer", DATA, said) for kind, (name, held, said) in OTHER.items()),
    Row("mask missing", both(pairs, lambda: Path("data/masks/3.png").unlink()), "transfer", DATA, "3"),
    Row("two masks for one image", both(pairs, text("data/masks/3.tif", tiff(smooth()))), "transfer", DATA, "3"),
    Row("masks of an unknown value", both(pairs, lambda: masks_of(9)), "transfer", DATA, "9"),
    Row("masks of two unknown values", both(pairs, lambda: masks_of(2), lambda: masks_of(7, 4)), "transfer", DATA, "7"),
    Row(
        "masks of 1 and 255, where 255 is nothing",
        both(pairs, text("classes.yaml", "names: [a, b]\nvalues: {0: 0, 1: 1}")),
        "transfer",
        [*DATA, "--classes", "classes.yaml"],
        "255",
    ),
]
