"""Draw the picture on top of the README: `python docs/result_picture.py RUN PETS docs/images/result.png`.

RUN is a finished run of transfer.main on PETS, the Oxford-IIIT pets. The test images are ranked by their IoU. Those at
fixed positions of the ranking are drawn, so that nobody selects the best.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float, Int64, UInt8

from common.data.decode import read_image
from common.data.masks.file import read_mask_file
from common.data.values import ValueTable
from transfer import load_model
from transfer.colours import overlay_mask

POSITIONS = (0.2, 0.4, 0.6, 0.8)
"""Shares of the test images that score worse."""
PET, BORDER = 1, 3
GREY = 140


def main(run: Path, pets: Path, path: Path) -> None:
    """Draw photograph, mask and prediction side by side, two images a row."""
    model = load_model(run, device="cpu")
    names = ranked(run / "test_images.npz")
    figure, axes = plt.subplots(2, 6, figsize=(12, 4.1), layout="constrained")
    for place, position in enumerate(POSITIONS):
        name = names[int(position * len(names))]
        image = read_image(pets / f"images/{name}.jpg", 3)
        prediction = overlay_mask(image, model.predict(image).mask)
        panels = {"photograph": image, "mask": truth(image, pets, name), "prediction": prediction}
        for axis, (title, panel) in zip(axes.flat[3 * place : 3 * place + 3], panels.items(), strict=True):
            axis.imshow(square(panel))
            axis.set_axis_off()
            if place < 2:
                axis.set_title(title, fontsize=12)
    figure.savefig(path, dpi=90)


def ranked(file: Path) -> list[str]:
    """The names of the test images, the lowest mean IoU first."""
    with np.load(file) as record:
        return [str(record["keys"][i]) for i in np.argsort(image_scores(record["confusions"]), kind="stable")]


def image_scores(confusions: Int64[np.ndarray, "n k k"]) -> Float[np.ndarray, " n"]:
    """Mean IoU of each image over the classes that it shows or is predicted to show."""
    hits = np.diagonal(confusions, axis1=1, axis2=2)
    union = confusions.sum(1) + confusions.sum(2) - hits
    return np.nanmean(hits / np.where(union > 0, union, np.nan), axis=1)


def truth(image: UInt8[np.ndarray, "h w 3"], pets: Path, name: str) -> UInt8[np.ndarray, "h w 3"]:
    """The photograph under its mask: cats (capital names) 1, dogs 2, and the ignored border in grey."""
    trimap = read_mask_file(pets / f"annotations/trimaps/{name}.png", ValueTable({})).numbers
    species = 1 if name[0].isupper() else 2
    tinted = overlay_mask(image, np.where(trimap == PET, species, 0).astype(np.uint8))
    return np.where((trimap == BORDER)[..., None], GREY, tinted).astype(np.uint8)


def square(panel: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "s s 3"]:
    """The middle square."""
    side = min(panel.shape[:2])
    top, left = (panel.shape[0] - side) // 2, (panel.shape[1] - side) // 2
    return panel[top : top + side, left : left + side]


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
