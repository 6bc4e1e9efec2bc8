"""Pictures that are the same to an eye, though not to a computer."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float32, Int64, UInt8, UInt64

from common.data.pack import Pack

MAX_DISTANCE = 12
"""Bits of 63 in which the hashes of one picture, saved twice, may differ."""
SIDE = 64
"""Pixels a side at which two pictures are compared."""
SAME = 0.96
"""Correlation of a picture with itself, saved again or cut, of which other pictures stay below."""
MOVED = 0.25
"""How much one picture may be scaled or shifted against the other, as a share of its side."""
DETAIL = 0.2
"""Share of the picture that has edges; in a plainer one a disc can be moved onto any other."""
PLAIN = 0.06
"""Largest difference of two plain pictures that are one, as a share of their range."""


def near_duplicates(seen: Pack, asked: Pack, *, limit: int = MAX_DISTANCE) -> Int64[np.ndarray, "m 2"]:
    """Pairs (position in `seen`, position in `asked`) of the same picture.

    It may be resized, compressed again, brightened, mirrored, or cut by a few per cent of its side. Hashes that are
    near propose a pair, and the pixels confirm it: see `docs/data.md` for how often. Packs may differ in their image
    size. Another photograph of the same animal is not found.
    """
    ours = _hashes(seen.content(index) for index in range(len(seen)))
    pairs = []
    for position in range(len(asked)):
        image = asked.content(position)
        for turned in (image, image[:, ::-1]):
            near = np.flatnonzero(np.bitwise_count(ours ^ _hash(turned)) <= limit).tolist()
            look = Look.at(turned) if near else None
            pairs += [(index, position) for index in near if look and look.same_as(Look.at(seen.content(index)))]
    return np.array(sorted(set(pairs)), dtype=np.int64).reshape(-1, 2)


class Within(NamedTuple):
    """The pairs of pictures of one set that are the same."""

    pairs: Int64[np.ndarray, "m 2"]
    """Their positions, the smaller first."""
    left_out: int
    """Pairs that their hashes propose, and that were not compared, for there are too many."""


def near_pairs(images: UInt8[np.ndarray, "n h w c"], *, most: int, limit: int = MAX_DISTANCE) -> Within:
    """The pairs of images that are the same picture, as `near_duplicates`; `most` are compared, the nearest first."""
    straight, mirrored = _hashes(images), _hashes(images[:, :, ::-1])
    near = np.zeros(limit + 1, np.int64)
    for _, distances in _distances(straight, mirrored):
        near += np.bincount(distances[distances <= limit], minlength=limit + 1)
    within = int(np.searchsorted(near.cumsum(), most, side="right")) - 1
    look = lru_cache(1024)(lambda index: Look.at(images[index]))
    found = []
    for (index, turned), distances in _distances(straight, mirrored):
        others = np.flatnonzero(distances <= within).tolist()
        ours = Look.at(images[index][:, ::-1] if turned else images[index]) if others else None
        found += [(other, index) for other in others if ours and ours.same_as(look(other))]
    pairs = np.array(sorted(set(found)), dtype=np.int64).reshape(-1, 2)
    return Within(pairs, int(near[within + 1 :].sum()))


def _distances(
    straight: UInt64[np.ndarray, " n"], mirrored: UInt64[np.ndarray, " n"]
) -> Iterator[tuple[tuple[int, bool], UInt8[np.ndarray, " _"]]]:
    """For each image, as it is and mirrored, the bits in which its hash differs from those of the images before it."""
    for index in range(1, len(straight)):
        for turned, hashes in enumerate((straight, mirrored)):
            yield (index, bool(turned)), np.bitwise_count(straight[:index] ^ hashes[index])


@dataclass(frozen=True, eq=False)
class Look:
    """A picture in grey, small and smooth."""

    grey: Float32[np.ndarray, "side side"]

    @classmethod
    def at(cls, image: UInt8[np.ndarray, "h w c"]) -> "Look":
        """The look of an image of any size."""
        small = cv2.resize(_grey(image), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        return cls(cv2.GaussianBlur(small, (0, 0), 1))

    @property
    def range(self) -> float:
        """From the darkest to the brightest."""
        return max(float(np.ptp(self.grey)), 1e-6)

    @property
    def detail(self) -> float:
        """The share of the picture where neighbours differ by more than 2 % of its range."""
        return float((np.hypot(*np.gradient(self.grey)) > 0.02 * self.range).mean())

    def same_as(self, other: "Look") -> bool:
        """Whether the two are one picture, in other light or cut otherwise; plain ones only where nothing is moved."""
        if min(self.detail, other.detail) < DETAIL:
            return self._difference(other) <= PLAIN
        return self._correlation(other) >= SAME

    def _difference(self, other: "Look") -> float:
        """The largest difference of any point, in the light of this picture, as a share of its range."""
        ours, theirs = self.grey - self.grey.mean(), other.grey - other.grey.mean()
        light = (ours * theirs).sum() / max(float((theirs * theirs).sum()), 1e-6)
        return float(np.abs(ours - light * theirs).max()) / self.range

    def _correlation(self, other: "Look") -> float:
        """The correlation of the two, one of them moved onto the other; 0 where it would have to be moved far.

        Source: Evangelidis and Psarakis 2008, Parametric Image Alignment Using Enhanced Correlation Coefficient
        Maximization.
        """
        still, everywhere = np.eye(2, 3, dtype=np.float32), np.ones((SIDE, SIDE), np.uint8)
        enough = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 60, 1e-4)
        try:
            correlation, move = cv2.findTransformECC(
                self.grey, other.grey, still.copy(), cv2.MOTION_AFFINE, enough, everywhere, 5
            )
        except cv2.error:  # it finds no way
            return 0.0
        far = np.abs((move - still) / [1, 1, SIDE]).max() > MOVED
        return 0.0 if far else float(correlation)


def _hashes(images: Iterable[UInt8[np.ndarray, "h w c"]]) -> UInt64[np.ndarray, " n"]:
    return np.array([_hash(image) for image in images], dtype=np.uint64)


def _hash(image: UInt8[np.ndarray, "h w c"]) -> np.uint64:
    """The signs of the lowest 8 x 8 frequencies but the mean, against their median: 63 bits.

    Source: Zauner 2010, Implementation and Benchmarking of Perceptual Image Hash Functions, section 3.2.1.
    """
    low = cv2.dct(cv2.resize(_grey(image), (32, 32), interpolation=cv2.INTER_AREA))[:8, :8].ravel()[1:]
    return np.uint64(int("".join("1" if bit else "0" for bit in low > np.median(low)), 2))


def _grey(image: UInt8[np.ndarray, "h w c"]) -> Float32[np.ndarray, "h w"]:
    return image[..., :3].mean(-1, dtype=np.float32)
