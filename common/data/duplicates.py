"""Pictures that are the same to an eye, though not to a computer."""

import cv2
import numpy as np
from jaxtyping import Int64, UInt8, UInt64

from common.data.pack import Pack

MAX_DISTANCE = 8
"""Bits in which the hashes of one picture, saved twice, may differ.

Of 2.2 million pairs of photographs of pets two are as near, and truly the same picture; the next, at 10, is not."""


def near_duplicates(seen: Pack, asked: Pack, *, limit: int = MAX_DISTANCE) -> Int64[np.ndarray, "m 2"]:
    """Pairs (position in `seen`, position in `asked`) of the same picture: resized, compressed again, or mirrored.

    Packs may differ in their image size. A crop, or another photograph of the same animal, is not found.
    """
    ours = _hashes(seen.images)
    pairs = []
    for position, image in enumerate(asked.images):
        for theirs in _hashes(np.stack([image, image[:, ::-1]])):
            near = np.flatnonzero(np.bitwise_count(ours ^ theirs) <= limit)
            pairs += [(index, position) for index in near.tolist()]
    return np.array(sorted(set(pairs)), dtype=np.int64).reshape(-1, 2)


def _hashes(images: UInt8[np.ndarray, "n h w c"]) -> UInt64[np.ndarray, " n"]:
    return np.array([_hash(image) for image in images], dtype=np.uint64)


def _hash(image: UInt8[np.ndarray, "h w c"]) -> int:
    """The signs of the lowest 8 x 8 frequencies but the mean, against their median: 63 bits.

    Source: Zauner 2010, Implementation and Benchmarking of Perceptual Image Hash Functions, section 3.2.1.
    """
    grey = image[..., :3].mean(-1, dtype=np.float32)
    low = cv2.dct(cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA))[:8, :8].ravel()[1:]
    return int("".join("1" if bit else "0" for bit in low > np.median(low)), 2)
