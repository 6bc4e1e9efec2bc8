"""All that the checks of the doctor see: every file of a data set, looked at once."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
from jaxtyping import Float, Int

from common.config.groups import DataConfig
from common.data.classes import Classes
from common.data.duplicates import near_pairs
from common.data.fit import Fit, fit_for
from common.data.parallel import map_in_order, reading_pool, reading_threads, with_progress
from common.data.samples import SPLITS, Sample, SplitName
from common.data.split import split_fractions, split_samples
from common.doctor.config import DoctorConfig
from common.doctor.finding import Finding
from common.doctor.folder import Folder, labelled_folder, photographs
from common.doctor.seen import Seen, look_at
from common.errors import UserError
from common.terminal import spinner

SPLIT_EMPTY = "split-empty"
"""The kind of finding that folds are the way out of."""
MOST_COMPARED = 10_000
"""Pairs of pictures that are compared by their pixels, which takes up to half a minute."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """A data set, looked at; and what was found while it was listed and split."""

    config: DoctorConfig
    folder: Folder
    seen: Sequence[Seen]
    """The images with their masks."""
    others: Folder
    photographs: Sequence[Seen]
    """Those of --unlabelled_dir."""
    findings: Sequence[Finding]

    @property
    def threads(self) -> int:
        """That read files."""
        return reading_threads(self.config.data.num_workers)

    @property
    def classes(self) -> Classes | None:
        """What the masks mean; None without masks."""
        return self.folder.classes

    @property
    def different(self) -> int:
        """How many different images a training can use, where copies, and the pages of one file, are one."""
        return min(len({seen.digest for seen in self.used}), len({seen.sample.image for seen in self.used}))

    @cached_property
    def splits(self) -> dict[SplitName, list[Seen]]:
        """The images that a training can use, by split."""
        return {split: [seen for seen in self.used if seen.split == split] for split in SPLITS}

    @cached_property
    def used(self) -> list[Seen]:
        """The images with masks that a training can use."""
        return [seen for seen in self.seen if seen.drawn is not None and not seen.drawn.unknown]

    @cached_property
    def readable(self) -> list[Seen]:
        """All images and photographs that can be read."""
        return [seen for seen in (*self.seen, *self.photographs) if seen.grey is not None]

    def pixels(self, images: Sequence[Seen]) -> Int[np.ndarray, "n k"]:
        """Pixels of each class in each of these images."""
        count = self.classes.num_classes if self.classes else 0
        return np.array([seen.drawn.pixels for seen in images if seen.drawn], np.int64).reshape(len(images), count)

    @cached_property
    def objects(self) -> Float[np.ndarray, "m 3"]:
        """Of each object its side in pixels, and its shares of the longer and of the shorter side of its image."""
        rows = [
            (side, side / max(seen.size), side / min(seen.size))
            for seen in self.used
            if seen.drawn and seen.size
            for side in seen.drawn.objects.tolist()
        ]
        return np.array(rows).reshape(-1, 3)

    @cached_property
    def suits(self) -> Fit:
        """The fit that suits these images and objects."""
        longer = [max(seen.size) for seen in (self.used or self.readable) if seen.size]
        side = float(np.median(self.objects[:, 0])) if len(self.objects) else None
        return fit_for(float(np.median(longer)), side, image_size=self.config.data.image_size) if longer else "squash"

    @property
    def fit(self) -> Fit:
        """The fit of a training; with --fit auto that of all images here, of which a training looks at some."""
        data = self.config.data
        if data.fit != "auto":
            return data.fit
        return "crop" if data.of_crops else self.suits

    @property
    def network_sides(self) -> Float[np.ndarray, " m"]:
        """Of each object its side in the network's pixels: in crops as it is kept, else that of its shrunk image."""
        own, shares, of_shorter = self.objects.T
        if self.fit != "crop":
            return shares * self.config.data.image_size
        return own if self.config.data.scale_to is None else of_shorter * self.config.data.scale_to

    @cached_property
    def _equal(self) -> list[list[Seen]]:
        """Images by their files' bytes; pages are told apart. Those of the data set come before photographs."""
        groups: dict[bytes, list[Seen]] = {}
        for seen in self.readable:
            groups.setdefault(seen.digest, []).append(seen)
        return list(groups.values())

    @property
    def copies(self) -> list[list[Seen]]:
        """Groups of images whose files are equal, byte for byte."""
        return [group for group in self._equal if len(group) > 1]

    @cached_property
    def near(self) -> tuple[list[tuple[Seen, Seen]], int]:
        """Pairs of images that are one picture in files that differ; and how many more were not compared."""
        different = [first for first, *_ in self._equal]  # what has a split stands for its copies
        if len(different) < 2:
            return [], 0
        greys = np.stack([seen.grey for seen in different if seen.grey is not None])
        with spinner("comparing images"):
            pairs, left_out = near_pairs(greys, most=MOST_COMPARED)
        return [(different[a], different[b]) for a, b in pairs.tolist()], left_out


def gather(config: DoctorConfig) -> Evidence:
    """Look at every file of a data set once. Raises UserError where a folder, or the file of --classes, is missing."""
    data, other = config.data, config.doctor.unlabelled_dir
    folder = labelled_folder(data.data_dir, data) if data.data_dir else Folder()
    others = photographs(other, data) if other else Folder()
    seen = list(_looked_at(folder.samples, data, folder.classes))
    without_masks = list(_looked_at(others.samples, data, None))
    seen, unsplit = _with_splits(seen, data)
    return Evidence(config, folder, seen, others, without_masks, [*folder.findings, *others.findings, *unsplit])


def _looked_at(samples: Sequence[Sample], config: DataConfig, classes: Classes | None) -> Iterator[Seen]:
    """Look at the files of these samples, under a progress bar."""
    if not samples:
        return
    threads = reading_threads(config.num_workers)
    count, background = (classes.num_classes, classes.background) if classes else (0, None)
    look = partial(look_at, channels=config.channels, classes=count, background=background)
    with reading_pool(threads) as pool:
        seen = map_in_order(pool, look, samples, ahead=4 * threads)
        with closing(with_progress(seen, len(samples), "examining")) as results:
            yield from results


def _with_splits(seen: Sequence[Seen], config: DataConfig) -> tuple[list[Seen], list[Finding]]:
    """The images with their splits, as in a training that leaves out none; and a finding where there are too few."""
    if not seen:
        return [], []
    fractions = split_fractions(config, "")
    try:
        parts = split_samples([one.sample for one in seen], seed=config.split_seed, fractions=fractions)
    except UserError as error:
        finding = Finding(kind=SPLIT_EMPTY, level="error", sentence=str(error), count=1)
        return [replace(one, split=one.sample.split or "train") for one in seen], [finding]
    split_of = {id(sample): split for split, samples in parts.items() for sample in samples}
    return [replace(one, split=split_of[id(one.sample)]) for one in seen], []
