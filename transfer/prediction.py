"""A trained network on images without masks: a class for every pixel, at the size that each image came in."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from torch.nn import functional as F

from common.config_groups import RunConfig
from common.data.batches import to_images
from common.data.crowd import map_in_order, one_quiet_opencv_thread, shown
from common.data.decode import BadFileError, read_image, resize_image
from common.data.samples import IMAGE_SUFFIXES, list_images
from common.device import make_fabric
from common.errors import UserError
from common.figures import PALETTE, save_picture
from common.run import make_folder, write_json
from transfer.config import PredictOptions
from transfer.model import load_network

OPACITY = 0.45
MASKS, OVERLAYS = "masks", "overlays"
"""Folders of what is written."""
AHEAD = 4
"""Images that wait decoded, for each thread that decodes."""


class Photo(NamedTuple):
    """An image as it came, and at the size that the network takes."""

    key: str
    full: UInt8[np.ndarray, "h w c"]
    small: UInt8[np.ndarray, "s s c"]


class Prediction:
    """A network from its file, and the images that it is asked about."""

    def __init__(self, options: PredictOptions) -> None:
        self.net, handover = load_network(options.file)
        self.names: tuple[str, ...] = tuple(handover.task["names"])
        self.size: int = handover.input["image_size"]
        self.channels: int = handover.input["channels"]
        self.options, self.folder = options, options.folder
        self.files = _images(options)
        self.device = make_fabric(RunConfig(device=options.device)).device
        self.net.to(self.device)
        self.bad: list[str] = []

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
            for photo, mask in self._masks():
                self._save(photo, mask)
                shares = np.bincount(mask.ravel(), minlength=len(self.names)) / mask.size
                table.writerow([photo.key, mask.shape[1], mask.shape[0], *(f"{share:.4f}" for share in shares)])
        done = len(self.files) - len(self.bad)
        if done == 0:
            raise UserError(f"none of the {len(self.files)} images can be read; check --input")
        left_out = f", {len(self.bad)} could not be read" if self.bad else ""
        print(f"masks of {done} images{left_out}: {self.folder}")

    def _masks(self) -> Iterator[tuple[Photo, UInt8[np.ndarray, "h w"]]]:
        threads = self.options.num_workers or torch.get_num_threads()
        read = partial(_read, size=self.size, channels=self.channels)
        with ThreadPoolExecutor(threads) as pool, one_quiet_opencv_thread():
            decoded = map_in_order(pool, read, self.files.items(), ahead=AHEAD * threads)
            with closing(shown(decoded, len(self.files), "segmenting")) as counted:
                good = self._readable(counted)
                while batch := list(islice(good, self.options.batch_size)):
                    yield from zip(batch, self._segment(batch), strict=True)

    def _readable(self, photos: Iterator[Photo | BadFileError]) -> Iterator[Photo]:
        for photo in photos:
            if isinstance(photo, BadFileError):
                self.bad.append(str(photo))
                print(f"left out: {photo}")
            else:
                yield photo

    @torch.no_grad()
    def _segment(self, photos: Sequence[Photo]) -> Iterator[UInt8[np.ndarray, "h w"]]:
        """The likeliest class of every pixel; logits are enlarged, so that borders are smooth."""
        logits = self.net(to_images(np.stack([photo.small for photo in photos]), self.device))
        for photo, one in zip(photos, logits, strict=True):
            full = F.interpolate(one[None], size=photo.full.shape[:2], mode="bilinear", align_corners=False)
            yield full[0].argmax(0).byte().cpu().numpy()

    def _save(self, photo: Photo, mask: UInt8[np.ndarray, "h w"]) -> None:
        path = self.folder / MASKS / f"{photo.key}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(mask, mode="P")
        picture.putpalette(np.concatenate([_colour(k) for k in range(len(self.names))]).tobytes())
        picture.save(path)
        if self.options.overlays:
            path = self.folder / OVERLAYS / f"{photo.key}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            save_picture(overlay(photo.full, mask), path)


def overlay(image: UInt8[np.ndarray, "h w c"], mask: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """The image with every class but the background tinted in its colour."""
    image = np.ascontiguousarray(np.broadcast_to(image[..., :3], (*mask.shape, 3)))
    tinted = PALETTE[mask % len(PALETTE)]
    mixed = cv2.addWeighted(image, 1 - OPACITY, tinted, OPACITY, 0)
    return np.where((mask > 0)[..., None], mixed, image)


def _images(options: PredictOptions) -> Mapping[str, Path]:
    """The files to segment, by name; what an earlier call wrote below the same folder is none of them."""
    assert options.input is not None, "check() asks for it"
    if options.input.is_file():
        return {options.input.stem: options.input}
    if not options.input.is_dir():
        raise UserError(f"there is no image and no folder {options.input}; check --input")
    written = {options.folder.resolve() / part for part in (MASKS, OVERLAYS)}
    files = {
        key: path for key, path in list_images(options.input).items() if written.isdisjoint(path.resolve().parents)
    }
    if not files:
        raise UserError(f"{options.input} holds no images ({', '.join(IMAGE_SUFFIXES)}); check --input")
    return files


def _read(item: tuple[str, Path], size: int, channels: int) -> Photo | BadFileError:
    key, path = item
    try:
        image = read_image(path, channels)
    except BadFileError as error:
        return error
    return Photo(key, image, resize_image(image, size))


def _colour(index: int) -> UInt8[np.ndarray, "3"]:
    return PALETTE[index % len(PALETTE)]
