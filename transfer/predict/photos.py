"""The input images of a trained network, read at two sizes; unreadable ones are left out."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import UInt8

from common.config.network import ImageOptions
from common.data.decode import BadFileError, read_image, resize_image
from common.data.parallel import map_in_order, one_quiet_opencv_thread, with_progress
from common.data.samples import IMAGE_SUFFIXES, list_images
from common.errors import UserError
from common.say import say

AHEAD = 4
"""Decoded images in the queue, per decoding thread."""


class Photo(NamedTuple):
    """An image at its original size, and at the network's input size."""

    key: str
    full: UInt8[np.ndarray, "h w c"]
    small: UInt8[np.ndarray, "s s c"]


class Photos:
    """The images of --input by name, without those in `written`, the folders of earlier results.

    `bad` lists the unreadable ones so far. Raises UserError if there are no images.
    """

    def __init__(self, options: ImageOptions, *, size: int, channels: int, written: Sequence[str]) -> None:
        self.files = _images(options, {options.folder.resolve() / part for part in written})
        self.options, self.size, self.channels = options, size, channels
        self.bad: list[str] = []

    def batches(self, what: str) -> Iterator[list[Photo]]:
        """Read all images in batches, with a progress bar labelled `what` ("segmenting").

        Unreadable images are named and left out. Raises UserError at the end if none was readable.
        """
        threads = self.options.num_workers or torch.get_num_threads()
        read = partial(_read, size=self.size, channels=self.channels)
        with ThreadPoolExecutor(threads) as pool, one_quiet_opencv_thread():
            decoded = map_in_order(pool, read, self.files.items(), ahead=AHEAD * threads)
            with closing(with_progress(decoded, len(self.files), what)) as counted:
                good = self._readable(counted)
                while batch := list(islice(good, self.options.batch_size)):
                    yield batch
        if len(self.bad) == len(self.files):
            raise UserError(f"none of the {len(self.files)} images can be read; check --input")

    def counted(self) -> str:
        """Return the numbers of readable and unreadable images, in words."""
        left_out = f", {len(self.bad)} could not be read" if self.bad else ""
        return f"{len(self.files) - len(self.bad)} images{left_out}"

    def _readable(self, photos: Iterator[Photo | BadFileError]) -> Iterator[Photo]:
        for photo in photos:
            if isinstance(photo, BadFileError):
                self.bad.append(str(photo))
                say(f"left out: {photo}")
            else:
                yield photo


def _images(options: ImageOptions, written: set[Path]) -> Mapping[str, Path]:
    assert options.input is not None, "check() requires it"
    if options.input.is_file():
        return {options.input.stem: options.input}
    if not options.input.is_dir():
        raise UserError(f"there is no image and no folder {options.input}; check --input")
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
