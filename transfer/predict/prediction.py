"""A trained network on images without masks: a class for every pixel, at the size that each image came in."""

import csv
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

from common.config.groups import RunConfig
from common.data.batches import to_images
from common.engine.device import make_fabric
from common.figures import save_picture
from common.files import make_folder, write_json
from transfer.colours import _colour, overlay_mask
from transfer.predict.config import PredictOptions
from transfer.predict.photos import Photo, Photos
from transfer.segmenter import load_network, predict_at_size

MASKS, OVERLAYS = "masks", "overlays"
"""Folders of what is written."""


class Prediction:
    """A network from its file, and the images that it is asked about."""

    def __init__(self, options: PredictOptions) -> None:
        self.net, handover = load_network(options.file)
        self.names: tuple[str, ...] = tuple(handover.task["names"])
        self.options, self.folder = options, options.folder
        self.photos = Photos(options, handover, written=(MASKS, OVERLAYS))
        self.device = make_fabric(RunConfig(device=options.device)).device
        self.net.to(self.device)

    def run(self) -> None:
        """Write a mask and an overlay for each image, classes.json, and predictions.csv with the share of each class.

        An image that can't be read is named and left out. Raises UserError where none can.
        """
        make_folder(self.folder)
        colours = {name: "#" + _colour(k).tobytes().hex() for k, name in enumerate(self.names)}
        write_json(self.folder / "classes.json", {"names": list(self.names), "colours": colours})
        with (self.folder / "predictions.csv").open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["image", "width", "height", *(f"share_{name}" for name in self.names)])
            for batch in self.photos.batches("segmenting"):
                for photo, mask in zip(batch, self._segment(batch), strict=True):
                    self._save(photo, mask)
                    shares = np.bincount(mask.ravel(), minlength=len(self.names)) / mask.size
                    table.writerow([photo.key, mask.shape[1], mask.shape[0], *(f"{share:.4f}" for share in shares)])
        print(f"masks of {self.photos.counted()}: {self.folder}")

    @torch.no_grad()
    def _segment(self, photos: Sequence[Photo]) -> Iterator[UInt8[np.ndarray, "h w"]]:
        """The likeliest class of every pixel, at the size that each image came in."""
        logits = self.net(to_images(np.stack([photo.small for photo in photos]), self.device))
        for photo, one in zip(photos, logits, strict=True):
            yield predict_at_size(one[None], photo.full.shape[:2])[0].byte().cpu().numpy()

    def _save(self, photo: Photo, mask: UInt8[np.ndarray, "h w"]) -> None:
        path = self.folder / MASKS / f"{photo.key}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(mask, mode="P")
        picture.putpalette(np.concatenate([_colour(k) for k in range(len(self.names))]).tobytes())
        picture.save(path)
        if self.options.overlays:
            path = self.folder / OVERLAYS / f"{photo.key}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            save_picture(overlay_mask(photo.full, mask), path)
