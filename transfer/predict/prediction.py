"""Predictions for unlabelled images: a class for every pixel, at each image's original size."""

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Int64, UInt8
from PIL import Image

from common.colours import colour_of, css
from common.data.decode import refuse_enlarged
from common.data.opened import BadFileError
from common.files import make_folder, write_json
from common.overlay import overlay_mask
from common.png import write_png
from common.rows import csv_table
from common.run.next_step import last_lines
from common.say import say
from common.strips import row_strips
from transfer.next_steps import after_prediction
from transfer.predict.config import PredictOptions
from transfer.predict.earlier import Call, begin
from transfer.predict.load import load_network
from transfer.predict.network import Piece, Plan
from transfer.predict.objects import Objects, Part
from transfer.predict.photos import Original, Photos

MASKS, OVERLAYS = "masks", "overlays"
"""Folders of the results."""


class Prediction:
    """A trained network, and the images to segment."""

    def __init__(self, options: PredictOptions) -> None:
        self.network = load_network(Plan((options.file,), options.device, options.tile, options.overlap))
        self.options, self.folder, self.names = options, options.folder, self.network.names
        assert options.input is not None, "check() requires it"
        self.input = options.input
        resized = not self.network.own_size or self.network.input.fit == "crop"
        fitting, least = self.network.input.fitting if resized else None, options.min_object_area
        self.objects = Objects(self.names, self.network.background, fitting=fitting, least=least)
        self.pixels = np.zeros(len(self.names), dtype=np.int64)
        """Pixels of each class in all images."""
        self.photos = Photos(options, self.network.input, written=(MASKS, OVERLAYS))

    def run(self) -> None:
        """Write a mask and an overlay for each image, classes.json, predictions.csv and objects.csv.

        predictions.csv has the share and the number of connected parts of each class in each image, objects.csv every
        part. Unreadable images are named and left out. Raises UserError if none is readable, and for a folder with
        the masks of another call.
        """
        make_folder(self.folder)
        call = Call(str(self.options.file.resolve()), str(self.input.resolve()), tuple(self.photos.files))
        begin(self.folder, call, (MASKS, OVERLAYS), overwrite=self.options.overwrite)
        colours = {name: css(colour_of(k)) for k, name in enumerate(self.names)}
        background = None if self.network.background is None else self.names[self.network.background]
        described = {"names": list(self.names), "background": background, "colours": colours}
        write_json(self.folder / "classes.json", described)
        heads = ["image", "width", "height", *(f"share_{name}" for name in self.names)]
        heads += [f"objects_{self.names[k]}" for k in self.objects.areas]
        objects = csv_table(self.folder / "objects.csv", ["image", "class", *Part._fields[1:]])
        with csv_table(self.folder / "predictions.csv", heads) as add, objects as add_object:
            for photo, mask in self._masks():
                self._save(photo, mask)
                counts = self._counts(mask)
                self.pixels += counts
                shares = counts / mask.size
                parts = self.objects.of(mask)
                for part in parts:
                    add_object(self.objects.row(photo.key, part))
                found = Counter(part.kind for part in parts)
                numbers = [*(f"{share:.4f}" for share in shares), *(found[k] for k in self.objects.areas)]
                add([photo.key, mask.shape[1], mask.shape[0], *numbers])
        say(*self.objects.told())
        absent = [name for name, pixels in zip(self.names, self.pixels, strict=True) if not pixels]
        last_lines(
            warnings=[f"no pixel of any image was taken for {', '.join(absent)}"] if absent else [],
            places={f"masks of {self.photos.counted()}": self.folder},
            steps=after_prediction(self.options),
        )

    def _masks(self) -> Iterator[tuple[Original, UInt8[np.ndarray, "h w"]]]:
        """The images, resized a batch at a time or each at its own size, with their masks."""
        if not self.network.own_size:
            for batch in self.photos.batches("segmenting"):
                small, sizes = np.stack([photo.small for photo in batch]), [photo.size for photo in batch]
                segmented = self.network.segment(small, sizes, probabilities=False)
                for photo, pieces in zip(batch, segmented, strict=True):
                    yield photo, _joined(pieces, photo.size)
            return
        for photo in self.photos.whole("segmenting"):
            try:
                full = photo.full
                refuse_enlarged(photo.sample.image, full, self.network.input.fitting)
                height, width, _ = full.shape
                batch_size = self.options.batch_size
                pieces = self.network.segment_whole(full, batch_size=batch_size, probabilities=False)
                mask = _joined(pieces, (height, width))
            except BadFileError as error:
                self.photos.leave_out(error)
                continue
            yield photo, mask

    def _save(self, photo: Original, mask: UInt8[np.ndarray, "h w"]) -> None:
        path = self.folder / MASKS / f"{photo.key}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(mask, mode="P")
        picture.putpalette(np.concatenate([colour_of(k) for k in range(len(self.names))]).tobytes())
        picture.save(path)
        if self.options.overlays:
            path = self.folder / OVERLAYS / f"{photo.key}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            full, background = photo.full, self.network.background
            strips = (overlay_mask(full[rows], mask[rows], background) for rows in row_strips(*mask.shape))
            write_png(path, strips, *mask.shape)

    def _counts(self, mask: UInt8[np.ndarray, "h w"]) -> Int64[np.ndarray, " k"]:
        """The pixels of each class."""
        strips = (np.bincount(mask[rows].ravel(), minlength=len(self.names)) for rows in row_strips(*mask.shape))
        return np.stack([*strips]).sum(axis=0, dtype=np.int64)


def _joined(pieces: Iterable[Piece], size: tuple[int, int]) -> UInt8[np.ndarray, "h w"]:
    mask = np.empty(size, np.uint8)
    for piece in pieces:
        mask[piece.rows, piece.columns] = piece.mask
    return mask
