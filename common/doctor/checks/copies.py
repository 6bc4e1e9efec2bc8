"""Copies of images within one split or among the photographs, which only waste time."""

from collections.abc import Iterator

from common.doctor.evidence import Evidence
from common.doctor.finding import Finding, of_names
from common.words import counted


def within(evidence: Evidence) -> Iterator[Finding]:
    """Equal and nearly equal images that are in one split, or both among the photographs."""
    equal = [(group[0], other) for group in evidence.copies for other in group[1:]]
    near, left_out = evidence.near
    for kind, pairs, what in (
        ("copies-within-split", equal, "equal images"),
        ("near-copies-within-split", near, "nearly equal images"),
    ):
        together = [pair for pair in pairs if pair[0].split == pair[1].split]
        yield from of_names(
            kind,
            "info",
            f"{counted(len(together), 'pair')} of {what} within one split",
            [" = ".join(seen.name for seen in pair) for pair in together],
            pictures=[[seen.sample.image for seen in pair] for pair in together],
        )
    if left_out:
        sentence = f"{counted(left_out, 'pair')} of similar images {'was' if left_out == 1 else 'were'} not compared"
        advice = "the images are too plain, or too many: the nearest were compared"
        yield Finding(kind="pairs-not-compared", level="info", sentence=sentence, count=left_out, advice=advice)
