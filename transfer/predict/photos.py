"""The input images of a trained network, read at two sizes; unreadable ones are left out."""

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from copy import copy
from dataclasses import dataclass
from functools import partial
from itertools import groupby, islice
from typing import TypeVar

import numpy as np
from jaxtyping import UInt8

from common.config.network import ImageOptions
from common.data.decode import image_of
from common.data.fitting import Fitting
from common.data.known import KnownFiles, folder_of
from common.data.listing import passed_over_note
from common.data.lost import LOST, lost_in, lost_notes
from common.data.opened import BadFileError, pixels_in, read_bytes, refuse_large
from common.data.parallel import map_in_order, reading_pool, reading_threads, with_progress
from common.data.samples import Sample
from common.data.survey import facts_word, survey
from common.errors import UserError
from common.files import default_cache_dir
from common.run.input import Input
from common.say import note, say
from common.words import counted
from transfer.predict.earlier import folders_in
from transfer.predict.inputs import images_of

AHEAD = 4
"""Decoded images in the queue, per decoding thread."""


HELD = 2**24
"""Pixels up to which an image waits in memory; a larger one is read again when it is drawn."""


@dataclass(frozen=True, eq=False)
class Original:
    """An image at its original size."""

    sample: Sample
    channels: int
    held: UInt8[np.ndarray, "h w c"] | None
    """Its pixels; None if it is too large to wait in memory."""
    lost: tuple[str, ...]
    """The kinds of what was lost in reading, of `common.data.lost`."""

    @property
    def key(self) -> str:
        """Its name."""
        return self.sample.key

    @property
    def full(self) -> UInt8[np.ndarray, "h w c"]:
        """Its pixels, which are read now if they are not held. Raises BadFileError if they can't be read."""
        if self.held is not None:
            return self.held
        return image_of(self.sample, read_bytes(self.sample.image), self.channels)


@dataclass(frozen=True, eq=False)
class Photo(Original):
    """An image at its original size, and at the network's input size."""

    size: tuple[int, int]
    """Height and width."""
    small: UInt8[np.ndarray, "p q c"]


Read = TypeVar("Read", bound=Original)


class Photos:
    """The images of --input by name, without those in `written`, the folders of earlier results.

    `bad` lists the unreadable ones so far. Raises UserError if there are no images, and for a single one that is too
    large.
    """

    def __init__(self, options: ImageOptions, images: Input, *, written: Sequence[str]) -> None:
        """`images`: those that the network was trained on."""
        assert options.input is not None, "check() requires it"
        if options.input.is_file():
            refuse_large(read_bytes(options.input), options.input)
        results = {options.folder.resolve() / part for part in written}
        results |= {options.input.resolve() / part for part in folders_in(options.input)}
        files, self.passed_over = images_of(options.input, without=results)
        samples = [Sample(key, path, None, {}, None) for key, path in files.items()]
        self.threads = reading_threads(options.num_workers)
        home, word = folder_of(list(files.values())), facts_word(images.channels, options.pages)
        known = KnownFiles(default_cache_dir(), home, threads=self.threads, what=word)
        found = survey(samples, known, pages=options.pages, depth=images.depth, channels=images.channels)
        self.files, self.notes = {sample.key: sample for sample in found.samples}, found.notes
        self.options, self.fitting, self.channels = options, images.fitting, images.channels
        self.done: Collection[str] = ()
        """Images that need not be read, since an earlier call did."""
        self.bad: list[str] = []
        self.lost: dict[str, list[str]] = {kind: [] for kind in LOST}
        self.total = len(self.files)

    def forget(self, keys: Collection[str]) -> None:
        """Leave out these images, which nobody asks for."""
        self.files = {key: sample for key, sample in self.files.items() if key not in keys}
        self.total = len(self.files)

    def part(self, keys: Collection[str], *, threads: int) -> "Photos":
        """These images alone, for a process that reads them with so many threads."""
        own = copy(self)
        own.files, own.done, own.threads = {key: self.files[key] for key in keys}, (), threads
        own.bad, own.lost = [], {kind: [] for kind in LOST}
        return own

    def batches(self, what: str) -> Iterator[list[Photo]]:
        """Read all images in batches of one size, with a progress bar labelled `what` ("segmenting").

        Unreadable images are named and left out; at the end, notes say what was passed over, and what reading lost.
        Raises UserError at the end if none was readable.
        """
        read = partial(_read, fitting=self.fitting, channels=self.channels)
        with closing(self._all(what, read, ahead=AHEAD * self.threads)) as photos:
            while batch := list(islice(photos, self.options.batch_size)):
                yield from _alike(batch, self.options.batch_size * self.fitting.size**2)

    def whole(self, what: str) -> Iterator[Original]:
        """All images one by one at their original size, otherwise as `batches`; large ones are not read yet.

        Whoever reads one that turns out to be bad says so by `leave_out`.
        """
        return self._all(what, partial(_read_whole, channels=self.channels), ahead=1)

    def leave_out(self, error: BadFileError) -> None:
        """Name an unreadable image, and count it."""
        self.bad.append(str(error))
        say(f"left out: {error}")

    def learn_lost(self, lost: Mapping[str, Sequence[str]]) -> None:
        """Count the images of which a `part` lost something."""
        for kind, keys in lost.items():
            self.lost[kind] = sorted([*self.lost[kind], *keys])

    def counted(self) -> str:
        """Return the numbers of readable and unreadable images, in words."""
        left_out = f", {len(self.bad)} could not be read" if self.bad else ""
        return f"{counted(len(self.files) - len(self.bad), 'image')}{left_out}"

    def _all(
        self, what: str, read: Callable[[Sample], Read | BadFileError], *, ahead: int
    ) -> Generator[Read, None, None]:
        pending = [sample for key, sample in self.files.items() if key not in self.done]
        with reading_pool(self.threads) as pool:
            decoded = map_in_order(pool, read, pending, ahead=ahead)
            with closing(with_progress(decoded, len(pending), what)) as done:
                for photo in done:
                    if isinstance(photo, BadFileError):
                        self.leave_out(photo)
                        continue
                    for kind in photo.lost:
                        self.lost[kind].append(photo.key)
                    yield photo
        self.end()

    def end(self) -> None:
        """Say what was passed over and lost. Raises UserError if no image of all was readable."""
        if len(self.bad) == self.total:
            raise UserError(f"of {counted(len(self.files), 'image')} none can be read; check --input")
        for sentence in [*self.notes, *passed_over_note(self.passed_over), *lost_notes(self.lost)]:
            note(sentence)


def _alike(batch: list[Photo], pixels: int) -> Iterator[list[Photo]]:
    """Runs of images of one size, with at most so many pixels."""
    for (height, width, _), group in groupby(batch, key=lambda photo: photo.small.shape):
        photos = iter(group)
        while run := list(islice(photos, max(1, pixels // (height * width)))):
            yield run


def _read(sample: Sample, fitting: Fitting, channels: int) -> Photo | BadFileError:
    try:
        data = read_bytes(sample.image)
        image, lost = image_of(sample, data, channels), lost_in(data, channels)
    except BadFileError as error:
        return error
    height, width = image.shape[:2]
    held = image if height * width <= HELD else None
    return Photo(sample, channels, held, lost, (height, width), fitting.framed(image))


def _read_whole(sample: Sample, channels: int) -> Original | BadFileError:
    try:
        data = read_bytes(sample.image)
        refuse_large(data, sample.image)
        held = image_of(sample, data, channels) if pixels_in(data) <= HELD else None
    except BadFileError as error:
        return error
    return Original(sample, channels, held, lost_in(data, channels))
