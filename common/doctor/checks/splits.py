"""Splits: copies across them, test images among the photographs, classes that one lacks, and how surely it tells."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

from common.data.split import folds_for
from common.doctor.evidence import Evidence
from common.doctor.finding import Finding, Level, of_names
from common.doctor.seen import Seen
from common.doctor.short import WORDS, absence, absent
from common.intervals import LEAST_IMAGES, too_few
from common.words import counted

Pair = tuple[Seen, Seen]
Row = tuple[str, Level, Sequence[Pair], str]
SCATTER = 0.2
"""Standard deviation of the IoU from image to image, as the pets and the nuclei have it."""
PROMISED = 0.05


def copies_across(evidence: Evidence) -> Iterator[Finding]:
    """Images of one split, and copies of them in another."""
    exact = [(group[0], other) for group in evidence.copies for other in group[1:]]
    rows: list[Row] = [
        ("copies-across-splits", "error", exact, "equal images"),
        ("near-copies-across-splits", "warning", evidence.near[0], "nearly equal images"),
    ]
    for kind, level, pairs, what in rows:
        apart = [pair for pair in pairs if _splits(pair) and len(set(_splits(pair))) == 2]
        advice = "move both to one split, or remove one: scores of images that were trained on are too high"
        yield from _of_pairs(kind, level, apart, f"{counted(len(apart), 'pair')} of {what} in different splits", advice)


def trained_on_test_images(evidence: Evidence) -> Iterator[Finding]:
    """Photographs of --unlabelled_dir that are images with masks."""
    exact = [pair for group in evidence.copies for pair in combinations(group, 2)]
    rows: list[Row] = [
        ("photographs-tested", "error", exact, "an equal"),
        ("photographs-nearly-tested", "warning", evidence.near[0], "a nearly equal"),
    ]
    for kind, level, pairs, what in rows:
        both = [pair for pair in pairs if pair[0].split and not pair[1].split]
        for split in ("test", "val"):
            of_split = [pair for pair in both if pair[0].split == split]
            sentence = f"{counted(len(of_split), 'pair')} of a photograph and {what} {WORDS[split]} image"
            advice = "remove these photographs: phase 1 must not see what the network is tested on"
            yield from _of_pairs(kind, level if split == "test" else "warning", of_split, sentence, advice)


def test_images(evidence: Evidence) -> Iterator[Finding]:
    """How surely the test images tell."""
    if not evidence.used:
        return
    images = len(evidence.splits["test"])
    needed = round((1.96 * SCATTER / PROMISED) ** 2)
    reach = 1.96 * SCATTER / max(images, 1) ** 0.5
    folds = folds_for(evidence.different)
    advice = f"cross-validate: --folds {folds} tests each image once" if folds else ""
    if lack := too_few(images=images):
        sentence = f"{lack}; {LEAST_IMAGES} are the fewest, and {needed} tell a mean IoU to about 0.05"
        yield Finding(kind="test-images", level="warning", sentence=sentence, count=images, advice=advice)
        return
    sentence = f"{counted(images, 'test image', 'tells')} a mean IoU to about {reach:.2f}"
    sentence += "" if images >= needed else f"; {needed} would tell it to about {PROMISED}"
    yield Finding(kind="test-images", level="info", sentence=sentence, count=images, advice=advice)


def absent_classes(evidence: Evidence) -> Iterable[Finding]:
    """Classes that no image of a split shows."""
    names = evidence.classes.names if evidence.classes else ()
    for split, images in evidence.splits.items():
        missing = absent(names, evidence.pixels(images))
        harm = {"train": "it cannot be learnt", "val": "no epoch is chosen by it", "test": "it is not scored"}[split]
        advice = f"{harm}: add such images, try another --split_seed, or leave the class out of --classes"
        yield from of_names("class-absent", "warning", absence(split, missing), missing, advice=advice)


def _splits(pair: Pair) -> Sequence[str]:
    """The splits of two images, if both have one."""
    return [seen.split for seen in pair if seen.split]


def _of_pairs(kind: str, level: Level, pairs: Sequence[Pair], sentence: str, advice: str) -> list[Finding]:
    names = [" = ".join(f"{seen.name} ({seen.split})" if seen.split else seen.name for seen in pair) for pair in pairs]
    pictures = [[seen.sample.image for seen in pair] for pair in pairs]
    return of_names(kind, level, sentence, names, advice=advice, pictures=pictures)
