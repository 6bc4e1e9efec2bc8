"""Predictions for unlabelled images: a class for every pixel, at each image's original size."""

import numpy as np
from jaxtyping import Int64, UInt8
from PIL import Image

from common.colours import colour_of, css
from common.figures import save_picture
from common.files import make_folder, write_json
from common.rows import csv_table
from common.say import say
from transfer.colours import overlay_mask
from transfer.predict.config import PredictOptions
from transfer.predict.photos import Photo, Photos
from transfer.segmenter import load_model
from transfer.strips import row_strips

MASKS, OVERLAYS = "masks", "overlays"
"""Folders of the results."""


class Prediction:
    """A trained network, and the images to segment."""

    def __init__(self, options: PredictOptions) -> None:
        self.model = load_model(options.file, options.device)
        self.options, self.folder, self.names = options, options.folder, self.model.names
        size, channels = self.model.input_size, self.model.channels
        self.photos = Photos(options, size=size, channels=channels, written=(MASKS, OVERLAYS))

    def run(self) -> None:
        """Write a mask and an overlay for each image, classes.json, and predictions.csv with the share of each class.

        Unreadable images are named and left out. Raises UserError if none is readable.
        """
        make_folder(self.folder)
        colours = {name: css(colour_of(k)) for k, name in enumerate(self.names)}
        background = None if self.model.background is None else self.names[self.model.background]
        described = {"names": list(self.names), "background": background, "colours": colours}
        write_json(self.folder / "classes.json", described)
        heads = ["image", "width", "height", *(f"share_{name}" for name in self.names)]
        with csv_table(self.folder / "predictions.csv", heads) as add:
            for batch in self.photos.batches("segmenting"):
                small, sizes = np.stack([photo.small for photo in batch]), [photo.size for photo in batch]
                for photo, prediction in zip(batch, self.model.segment(small, sizes), strict=True):
                    mask = prediction.mask
                    self._save(photo, mask)
                    shares = self._counts(mask) / mask.size
                    add([photo.key, mask.shape[1], mask.shape[0], *(f"{share:.4f}" for share in shares)])
        say(f"masks of {self.photos.counted()}: {self.folder}")

    def _save(self, photo: Photo, mask: UInt8[np.ndarray, "h w"]) -> None:
        path = self.folder / MASKS / f"{photo.key}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(mask, mode="P")
        picture.putpalette(np.concatenate([colour_of(k) for k in range(len(self.names))]).tobytes())
        picture.save(path)
        if self.options.overlays:
            path = self.folder / OVERLAYS / f"{photo.key}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            full, tinted = photo.full, np.empty((*mask.shape, 3), np.uint8)
            for rows in row_strips(*mask.shape):
                tinted[rows] = overlay_mask(full[rows], mask[rows], self.model.background)
            save_picture(tinted, path)

    def _counts(self, mask: UInt8[np.ndarray, "h w"]) -> Int64[np.ndarray, " k"]:
        """The pixels of each class."""
        strips = (np.bincount(mask[rows].ravel(), minlength=len(self.names)) for rows in row_strips(*mask.shape))
        return np.stack([*strips]).sum(axis=0, dtype=np.int64)
