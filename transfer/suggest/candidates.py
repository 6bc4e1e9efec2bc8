"""The most uncertain images, each picture once, and none that is labelled."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from jaxtyping import Float64, UInt8

from common.data.duplicates import near_duplicates, near_pairs
from common.data.pack import Pack
from common.report.images import three_channels
from common.words import counted
from transfer.predict.photos import Original
from transfer.suggest.uncertainty import Judged

SIDE = 128
"""Pixels a side of the picture of an image that near-duplicates are told by."""
MOST_PAIRS = 20_000


@dataclass(frozen=True, eq=False)
class Candidate:
    """An image that may be suggested."""

    judged: Judged
    rank: int
    """Its place among all images by uncertainty, from 1."""

    @property
    def key(self) -> str:
        """Its name."""
        return self.judged.photo.key


@dataclass(eq=False)
class Ranking:
    """All images by uncertainty, of which only the most uncertain ones are held."""

    most: int
    """Images that are held."""
    uncertainties: list[float] = field(default_factory=list)
    """Of all images, in the order in which they came."""
    _held: list[tuple[float, int, Judged]] = field(default_factory=list)

    def add(self, images: Iterable[Judged]) -> None:
        """Take in images; their pixels are forgotten, and read again where they are needed."""
        for judged in images:
            photo = judged.photo
            small = replace(judged, photo=Original(photo.sample, photo.channels, None, photo.lost))
            self._held.append((-judged.uncertainty, len(self.uncertainties), small))
            self.uncertainties.append(judged.uncertainty)
            if len(self._held) > 2 * self.most:
                self._held = sorted(self._held)[: self.most]

    def candidates(self) -> list[Candidate]:
        """The most uncertain images, most uncertain first; of equal ones the first that came."""
        return [Candidate(judged, rank) for rank, (*_, judged) in enumerate(sorted(self._held)[: self.most], start=1)]

    @property
    def curve(self) -> Float64[np.ndarray, " n"]:
        """The uncertainties of all images, highest first."""
        return -np.sort(-np.array(self.uncertainties, dtype=np.float64))


@dataclass(frozen=True)
class Unlike:
    """Candidates that show different pictures."""

    kept: list[Candidate]
    copies: int
    """Candidates that show the picture of a more uncertain one."""
    known: int
    """Candidates that show a labelled picture."""

    def told(self, candidates: int, *, wanted: int) -> list[str]:
        """Sentences on what was left out, and on what is lacking."""
        told = []
        if self.copies or self.known:
            told.append(
                f"left out of {candidates} candidates: {counted(self.copies, 'duplicate')} of another one, "
                f"{counted(self.known, 'duplicate')} of labelled images"
            )
        if len(self.kept) < wanted:
            told.append(
                f"only {len(self.kept)} different pictures are there to suggest; a larger --among looks at more"
            )
        return told


def unlike(candidates: Sequence[Candidate], labelled: Sequence[Pack]) -> Unlike:
    """Keep each picture once, its most uncertain file, and none that is labelled: see `near_duplicates`."""
    small = np.stack([_small(candidate) for candidate in candidates])
    keys = tuple(candidate.key for candidate in candidates)
    pack = Pack(images=small, masks=None, keys=keys, digests=keys)
    seen = {index for each in labelled for index in near_duplicates(each, pack)[:, 1].tolist()}
    copies = {int(later) for _, later in near_pairs(small, most=MOST_PAIRS).pairs} - seen
    kept = [candidate for index, candidate in enumerate(candidates) if index not in seen | copies]
    return Unlike(kept, len(copies), len(seen))


def _small(candidate: Candidate) -> UInt8[np.ndarray, "s s 3"]:
    image = three_channels(candidate.judged.photo.full)
    return np.asarray(cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA), dtype=np.uint8)
