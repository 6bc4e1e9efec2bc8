"""Predictions for unlabelled images: a class for every pixel, at each image's original size."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8

from common.data.classes import IGNORE
from common.data.decode import refuse_enlarged
from common.data.known import folder_of
from common.data.opened import BadFileError
from common.files import make_folder, replacing, sha256_of
from common.run.next_step import last_lines
from common.say import note, say
from common.strips import row_strips
from common.words import counted
from transfer.next_steps import after_prediction
from transfer.predict.behind import behind
from transfer.predict.config import PredictOptions
from transfer.predict.earlier import JOURNAL, LISTED, Call, begin
from transfer.predict.files import Extras, ImageFiles
from transfer.predict.formats.geo import HOW, has_place
from transfer.predict.formats.pictures import write_classes
from transfer.predict.formats.registry import FORMATS
from transfer.predict.formats.result import OneFile
from transfer.predict.gathered import Gathered
from transfer.predict.inputs import STANDARD_INPUT
from transfer.predict.journal import Finished, Journal, stamp_of
from transfer.predict.load import load_network
from transfer.predict.network import Piece, Plan
from transfer.predict.objects import Objects
from transfer.predict.photos import Original, Photos
from transfer.predict.tables import Tables


class Prediction:
    """Trained networks, and the images to segment."""

    def __init__(self, options: PredictOptions, photos: Photos | None = None) -> None:
        """`photos`: those of --input that are segmented; without them all."""
        plan = Plan(options.files, options.device, options.tile, options.overlap, options.tta)
        self.options, self.folder, self.network = options, options.folder, load_network(plan)
        network = self.network
        self.kinds = {name: FORMATS[name].load()(network.names, network.background) for name in options.format}
        self.one_files = {name: kind for name, kind in self.kinds.items() if isinstance(kind, OneFile)}
        extras = Extras(options.overlays, plan.several, options.probabilities)
        self.files = ImageFiles(self.folder, tuple(self.kinds.values()), extras)
        resized = not network.own_size or network.input.fit == "crop"
        fitting, least = network.input.fitting if resized else None, options.min_object_area
        self.objects = Objects(network.names, network.background, fitting=fitting, least=least)
        self.scored = any(kind.scored for kind in self.kinds.values())
        self.probable = self.scored or options.probabilities is not None or options.min_confidence is not None
        """Whether probabilities are needed at all."""
        self.loses_place, self.unplaced = not {"geotiff", "geojson"} & set(options.format), 0
        self.photos = photos or Photos(options, network.input, written=tuple(self.files.suffixes()))

    def run(self) -> None:
        """Write the files of each image, and those of all: classes.json, predictions.csv, objects.csv and by format.

        Images that the same call has finished before are passed over. Unreadable images are named and left out. Raises
        UserError if none is readable, and for a folder with the masks of another call.
        """
        make_folder(self.folder)
        begin(self.folder, self._call(), overwrite=self.options.overwrite)
        journal, stamps = Journal(self.folder / JOURNAL), self._stamps()
        self.photos.done = {k for k, stamp in stamps.items() if journal.knows(k, stamp) and self.files.there(k)}
        self.files.remove(stamps.keys() - self.photos.done)
        with closing(self.finished(stamps)) as images:
            for finished in images:
                journal.add(finished)
                self.unplaced += self.loses_place and has_place(Path(finished.image))
        self.files.clear()
        if self.unplaced:
            note(
                f"{counted(self.unplaced, 'image', 'has')} a place on earth, which PNG does not keep: give "
                f"--format geotiff or geojson ({HOW})"
            )
        self._tell(partial(journal.read, stamps))

    def finished(self, stamps: Mapping[str, str]) -> Generator[Finished, None, None]:
        """Write the files of each image that is not done, and give what is known of it; `stamps` are by name."""
        write = partial(self._write, stamps=stamps)
        with closing(self._gathered()) as gathered:
            yield from behind(gathered, write, pixels=lambda one: one.mask.size, threads=self.photos.threads)

    def _tell(self, finished: Callable[[], Iterator[Finished]]) -> None:
        """Write the files of all images, and the last lines."""
        names = self.network.names
        write_classes(self.folder, names, self.network.background)
        unsure = self.options.min_confidence is not None
        tables = Tables(self.folder, self.objects, unsure=unsure, uncertain=self.files.extras.uncertainty)
        tables.write(finished())
        for name, kind in self.one_files.items():
            with replacing(self.folder / kind.file) as path:
                kind.write(path, lambda name=name: (image.entry(name) for image in finished()))
        say(*self.objects.told())
        absent = [name for name, count in zip(names, tables.pixels, strict=True) if not count]
        before = [f"done before: {counted(len(self.photos.done), 'image')}"] if self.photos.done else []
        last_lines(
            *before,
            warnings=[f"no pixel of any image was taken for {', '.join(absent)}"] if absent else [],
            places={f"masks of {self.photos.counted()}": self.folder},
            steps=after_prediction(self.options),
        )

    def _call(self) -> Call:
        options = self.options
        names = ("format", "overlays", "probabilities", "tta", "tile", "overlap", "pages")
        settings = {name: getattr(options, name) for name in (*names, "min_confidence", "min_object_area")}
        model, place = ", ".join(str(file.resolve()) for file in options.files), options.input
        assert place is not None, "check() requires it"
        home = folder_of([sample.image.parent for sample in self.photos.files.values()])
        where = f"{LISTED}{home}" if place == STANDARD_INPUT else str(place.resolve())
        return Call(
            model,
            where,
            images=tuple(self.photos.files),
            digests=tuple(map(sha256_of, options.files)),
            settings={**settings, "format": list(options.format)},
            files=self.files.suffixes(),
            of_all=tuple(file for kind in self.one_files.values() for file in (kind.file, *kind.beside)),
        )

    def _stamps(self) -> dict[str, str]:
        """What the masks of an image depend on, beside the network: its file, and the range of more than 8 bits."""
        return {
            key: " ".join(map(str, (stamp_of(sample.image), *(sample.reading.depth or ()))))
            for key, sample in self.photos.files.items()
        }

    def _gathered(self) -> Generator[Gathered, None, None]:
        """The images, resized a batch at a time or each at its own size, segmented."""
        if len(self.photos.done) == len(self.photos.files):
            return
        if not self.network.own_size:
            for batch in self.photos.batches("segmenting"):
                small, sizes = np.stack([photo.small for photo in batch]), [photo.size for photo in batch]
                segmented = self.network.segment(small, sizes, probabilities=self.probable)
                for photo, pieces in zip(batch, segmented, strict=True):
                    yield self._joined(photo, pieces, photo.size)
            return
        for photo in self.photos.whole("segmenting"):
            try:
                full = photo.full
                refuse_enlarged(photo.sample.image, full, self.network.input.fitting)
                height, width, _ = full.shape
                size, batch_size = (height, width), self.options.batch_size
                pieces = self.network.segment_whole(full, batch_size=batch_size, probabilities=self.probable)
                yield self._joined(photo, pieces, size)
            except BadFileError as error:
                self.photos.leave_out(error)

    def _joined(self, photo: Original, pieces: Iterable[Piece], size: tuple[int, int]) -> Gathered:
        """Join the pieces of an image; its probabilities go to their file at once."""
        gathered = Gathered(photo, size, self.options.min_confidence, confidence=self.scored)
        if self.options.probabilities is None:
            gathered.take(pieces)
        else:
            with self.files.chances(photo.key, (len(self.network.names), *size)) as chances:
                gathered.take(pieces, chances)
        return gathered

    def _write(self, gathered: Gathered, *, stamps: Mapping[str, str]) -> Finished:
        """Write the files of an image, and return what is known of it."""
        result = gathered.result(self.objects.of(gathered.mask))
        self.files.write(result)
        (height, width), counts, sample = result.mask.shape, self._counts(result.mask), result.photo.sample
        return Finished(
            key=sample.key,
            stamp=stamps[sample.key],
            image=str(sample.image),
            width=width,
            height=height,
            pixels=counts[: len(self.network.names)].tolist(),
            unsure=int(counts[IGNORE]),
            found=result.found,
            uncertainty=result.mean_uncertainty,
            entries={name: kind.entry(result) for name, kind in self.one_files.items()},
        )

    def _counts(self, mask: UInt8[np.ndarray, "h w"]) -> Int64[np.ndarray, "256"]:
        """The pixels of each class, and of none."""
        strips = (np.bincount(mask[rows].ravel(), minlength=256) for rows in row_strips(*mask.shape))
        return np.stack([*strips]).sum(axis=0, dtype=np.int64)
