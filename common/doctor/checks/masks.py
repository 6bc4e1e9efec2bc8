"""Masks: what cannot be read, what the classes do not know, and what shows nothing."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from common.data.classes import BINARY
from common.data.masks.mask import Mask
from common.data.masks.propose import proposal
from common.data.samples import mask_files
from common.doctor.evidence import Evidence
from common.doctor.finding import Finding, of_names
from common.doctor.seen import Seen
from common.errors import abbreviate
from common.words import counted


def unreadable(evidence: Evidence) -> Iterator[Finding]:
    """Masks that are damaged, or do not lie on their image."""
    kinds = {
        "mask-unreadable": ("cannot be read", "replace these masks, or remove them with their images"),
        "mask-size": (
            "of another size than the image, or turned",
            "draw these masks on their images again, at the same size",
        ),
    }
    for kind, (what, advice) in kinds.items():
        bad = [seen for seen in evidence.seen if seen.trouble == kind]
        sentence = f"{counted(len(bad), 'mask')} {what}"
        pictures = [[seen.sample.image, *mask_files(seen.sample)] for seen in bad] if kind == "mask-size" else []
        names = [seen.reason.removeprefix("cannot read the image file ") for seen in bad]
        yield from of_names(kind, "error", sentence, names, advice=advice, pictures=pictures)


def unknown_values(evidence: Evidence) -> Iterator[Finding]:
    """Masks that hold what the classes do not know, with the table of classes to begin with."""
    classes = evidence.classes
    values: Counter[int] = Counter()
    strange = [seen for seen in evidence.seen if seen.drawn and seen.drawn.unknown]
    for seen in strange:
        values.update((seen.drawn and seen.drawn.unknown) or {})
    if classes is not None and strange:
        by_colour = classes.table.colours
        told = [f"#{value:06x}" if by_colour else value for value, _ in values.most_common()]
        held = f"the {'colours' if by_colour else 'values'} {abbreviate(told, 8)}"
        yield from _with_table(
            strange, held, proposal(_masks([seen for seen in evidence.seen if seen.drawn]), coloured=by_colour)
        )
    coloured = [seen for seen in evidence.seen if seen.trouble == "mask-colours"]
    if coloured:
        advice = "the other masks hold numbers: save these as grey pictures, too"
        if len(coloured) > len(evidence.used):
            advice = proposal(_masks(coloured), coloured=True)
        yield from _with_table(coloured, "colours", advice)


def _masks(images: Sequence[Seen]) -> list[Mask]:
    return [seen.sample.mask for seen in images if seen.sample.mask]


def _with_table(images: Sequence[Seen], held: str, advice: str) -> list[Finding]:
    return of_names(
        "mask-values",
        "error",
        f"{counted(len(images), 'mask', 'holds')} {held}, which the classes do not know",
        [str(seen.sample.mask) for seen in images],
        advice=advice,
        pictures=[[seen.sample.image, *mask_files(seen.sample)] for seen in images],
    )


def ambiguous_255(evidence: Evidence) -> Iterator[Finding]:
    """Binary masks in which 255 may be foreground, or a border that is ignored."""
    values = frozenset[int]().union(*(seen.drawn.values for seen in evidence.used if seen.drawn))
    if evidence.classes == BINARY and {1, 255} <= values:
        both = [seen for seen in evidence.used if seen.drawn and 255 in seen.drawn.values]
        yield Finding(
            kind="mask-255",
            level="error",
            sentence="the masks hold both 1 and 255, so 255 may be foreground or ignored border",
            names=[str(seen.sample.mask) for seen in both],
            count=len(both),
            advice="say which in a YAML file for --classes, such as 'names: [background, foreground]' and 'values: "
            "{0: 0, 1: 1, 255: ignore}', or 255: 1 where both are foreground",
        )


def empty(evidence: Evidence) -> Iterator[Finding]:
    """Masks that show nothing but background, and masks in which nothing is labelled at all."""
    background = evidence.classes.background if evidence.classes else None
    shown = [(seen, seen.drawn.pixels) for seen in evidence.used if seen.drawn]
    nothing = [seen for seen, pixels in shown if not pixels.sum()]
    ground = [
        seen for seen, pixels in shown if background is not None and pixels.sum() and pixels.sum() == pixels[background]
    ]
    alone = any(images and not evidence.pixels(images).any() for images in evidence.splits.values())
    yield from of_names(
        "mask-unlabelled",
        "error" if alone else "warning",
        f"{counted(len(nothing), 'mask', 'has')} no labelled pixel",
        [str(seen.sample.mask) for seen in nothing],
        advice="remove them with their images, or draw them",
        pictures=[[seen.sample.image] for seen in nothing],
    )
    yield from of_names(
        "mask-empty",
        "error" if len(ground) == len(shown) else "warning",
        f"{counted(len(ground), 'mask', 'shows')} nothing but background, of {len(shown)}",
        [str(seen.sample.mask) for seen in ground],
        advice="right where the image shows no object; draw the others",
        pictures=[[seen.sample.image] for seen in ground],
    )


def contradictory(evidence: Evidence) -> Iterable[Finding]:
    """Copies of one image that have different masks."""
    drawn = [[seen for seen in group if seen.drawn] for group in evidence.copies]
    groups = [group for group in drawn if len({seen.drawn.digest for seen in group if seen.drawn}) > 1]
    sentence = f"{counted(len(groups), 'image', 'is')} there several times, with different masks"
    return of_names(
        "copies-differ",
        "warning",
        sentence,
        [" = ".join(seen.name for seen in group) for group in groups],
        advice="keep one image of each, with the right mask",
        pictures=[
            [path for seen in group[:2] for path in (seen.sample.image, *mask_files(seen.sample))] for group in groups
        ],
    )
