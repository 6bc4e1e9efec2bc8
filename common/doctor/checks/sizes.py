"""Sizes and brightness: objects that vanish in the network's pixels, and images unlike the others."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float

from common.data.fit import LEAST_OBJECT
from common.doctor.evidence import Evidence
from common.doctor.finding import Finding, of_names
from common.doctor.seen import Seen
from common.words import counted

FAR = 6
"""Robust standard deviations from the median from which on an image is an outlier."""
LEAST_OUTLIERS = 10
"""Of fewer images none is an outlier."""
LARGEST = 512
"""The largest --image_size that is proposed: memory and time grow with its square."""
STEP = 32
"""--image_size is a multiple of it."""


def objects(evidence: Evidence) -> Iterator[Finding]:
    """How large objects are in the network's pixels, and the size and fit that follow."""
    if not len(evidence.objects):
        return
    size, seen = evidence.config.data.image_size, evidence.network_sides
    sides, shares, _ = np.median(evidence.objects, axis=0).tolist()
    data, squashed = evidence.config.data, shares * size
    told = (
        f"{counted(len(seen), 'object')}: the median is {np.median(seen):.0f} pixels a side at --image_size {size}, a "
        f"tenth below {np.quantile(seen, 0.1):.0f}"
    )
    wanted = -(-LEAST_OBJECT / shares // STEP) * STEP
    if data.fit == "auto" and not data.of_crops and evidence.fit == "crop":
        told += f"; squashed, it would be {squashed:.0f}, so that --fit auto takes crop"
    vanish = evidence.fit != "crop" and evidence.suits == "crop" and np.median(seen) < min(LEAST_OBJECT, sides)
    if not vanish:
        yield Finding(kind="object-size", level="info", sentence=told, count=len(evidence.objects))
        return
    advice = f"objects below {LEAST_OBJECT} pixels are lost: give --fit crop"
    advice += f", or --image_size {wanted:.0f}" if wanted <= LARGEST else ""
    yield Finding(kind="object-size", level="warning", sentence=told, count=len(evidence.objects), advice=advice)


def outliers(evidence: Evidence) -> Iterator[Finding]:
    """Images of another size or shape than most, and images that are smaller than the network's input."""
    size = evidence.config.data.image_size
    for images in _kinds(evidence):
        small = [seen for seen in images if seen.size and max(seen.size) < size]
        sentence = f"{counted(len(small), 'image', 'is')} smaller than --image_size {size}, of {len(images):,}"
        pictures = [[seen.sample.image] for seen in small]
        yield from of_names("image-small", "info", sentence, list(map(_with_size, small)), pictures=pictures)
        sides = np.log(np.array([seen.size for seen in images], dtype=float).reshape(-1, 2))
        odd = _far(sides.sum(1)) | _far(sides[:, 0] - sides[:, 1])
        far = [seen for seen, is_far in zip(images, odd, strict=True) if is_far]
        sentence = f"{counted(len(far), 'image', 'has')} another size or shape than most, of {len(images):,}"
        pictures = [[seen.sample.image] for seen in far]
        yield from of_names("image-size-outlier", "info", sentence, list(map(_with_size, far)), pictures=pictures)


def brightness(evidence: Evidence) -> Iterator[Finding]:
    """Images that are much darker or brighter than most."""
    for images in _kinds(evidence):
        odd = _far(np.array([seen.brightness for seen in images]))
        far = [seen for seen, is_far in zip(images, odd, strict=True) if is_far]
        yield from of_names(
            "brightness-outlier",
            "info",
            f"{counted(len(far), 'image', 'is')} much darker or brighter than most, of {len(images):,}",
            [f"{seen.name} ({seen.brightness:.0%})" for seen in far],
            pictures=[[seen.sample.image] for seen in far],
        )


def _kinds(evidence: Evidence) -> list[list[Seen]]:
    """The images with masks, and the photographs, that can be read."""
    return [[seen for seen in images if seen.size] for images in (evidence.seen, evidence.photographs)]


def _with_size(seen: Seen) -> str:
    width, height = seen.size or (0, 0)
    return f"{seen.name} ({width} x {height})"


def _far(values: Float[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """Which values lie FAR from the median.

    Source: Iglewicz and Hoaglin 1993, How to Detect and Handle Outliers (the modified z-score); Deviation: 6 for 3.5.
    """
    if len(values) < LEAST_OUTLIERS:
        return np.zeros(len(values), dtype=bool)
    off = np.abs(values - np.median(values))
    spread = 1.4826 * float(np.median(off)) or float(off.mean())
    return off > FAR * max(spread, 1e-9)
