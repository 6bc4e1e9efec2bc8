"""Image files: what cannot be read, what is lost in reading, and what is not what it seems."""

from collections.abc import Iterable, Iterator

import numpy as np

from common.data.lost import LOST
from common.doctor.evidence import Evidence
from common.doctor.finding import Finding, of_names
from common.doctor.seen import Seen
from common.words import counted

SAME = 2
"""Steps of 255 between the darkest and the brightest place of an image with nothing on it."""


def unreadable(evidence: Evidence) -> Iterator[Finding]:
    """Image files that are damaged, no images, too large, or several pictures in one."""
    images = [*evidence.seen, *evidence.photographs]
    bad = [seen for seen in images if seen.trouble == "image-unreadable"]
    yield from of_names(
        "image-unreadable",
        "error",
        f"{counted(len(bad), 'image')} cannot be read",
        [seen.reason.removeprefix("cannot read the image file ") for seen in bad],
        advice="replace these files or remove them; a training leaves them out with --skip_bad_files",
    )
    several = [seen for seen in images if seen.trouble == "several-pictures"]
    yield from of_names(
        "several-pictures",
        "error",
        f"{counted(len(several), 'file', 'holds')} several pictures, or a mask that does",
        [seen.name for seen in several],
        advice="take the first of each with --pages first, or each as an image with --pages all",
    )


def lost(evidence: Evidence) -> Iterator[Finding]:
    """What reading takes away, by its kind."""
    for kind, words in LOST.items():
        images = [seen for seen in (*evidence.seen, *evidence.photographs) if kind in seen.lost]
        yield from of_names(
            f"lost-{kind}",
            "warning",
            words.format(counted(len(images), "image")),
            _names(images),
            pictures=_paths(images),
        )


def blank(evidence: Evidence) -> Iterable[Finding]:
    """Images with nothing on them."""
    images = [seen for seen in evidence.readable if seen.grey is not None and np.ptp(seen.grey) <= SAME]
    sentence = f"{counted(len(images), 'image', 'shows')} nothing: all of one brightness"
    return of_names("image-blank", "warning", sentence, _names(images), advice="remove them", pictures=_paths(images))


def named_wrong(evidence: Evidence) -> Iterable[Finding]:
    """Files whose content is of another type than their suffix says."""
    images = [seen for seen in (*evidence.seen, *evidence.photographs) if seen.named_wrong]
    sentence = f"{counted(len(images), 'image', 'is')} of another type than the suffix says; the content counts"
    names = [f"{seen.name} ({seen.named_wrong})" for seen in images]
    return of_names("image-named-wrong", "info", sentence, names, advice="other programs may stumble over them")


def _names(images: Iterable[Seen]) -> list[str]:
    return [seen.name for seen in images]


def _paths(images: Iterable[Seen]) -> list[list]:
    return [[seen.sample.image] for seen in images]
