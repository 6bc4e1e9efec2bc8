"""What a layout is: a function that finds the images and masks of a folder, and what their masks mean."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from common.data.classes import BINARY, SPECIES, Classes, as_known, classes_of_objects, resolve_classes
from common.data.layouts.folders import Tree
from common.data.listing import no_images, passed_over_note
from common.data.masks.mask import Join, JoinedMasks, Mask
from common.data.samples import Dataset, Sample
from common.data.values import Values
from common.errors import UserError, abbreviate
from common.words import counted

GIVE_PATTERNS = "name the files by --images '{parent}/images/{stem}.*' --masks '{parent}/masks/{stem}.*' or the like"
"""What to do where folders hold images and masks in a way that no layout has."""


class NoClassesError(UserError):
    """What the masks of a data set mean can't be told; phase 1 takes its images all the same."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """The images and masks that lie in a folder, by their names alone."""

    samples: Sequence[Sample]
    """The images that need a mask, whether it is there or not. Their values are empty."""
    unlabelled: Sequence[Sample] = ()
    """Images that have no mask, as the layout goes: phase 2 leaves them out."""
    lack: str = ""
    """Which images those are."""
    strays: Sequence[Path] = ()
    """Masks without an image."""
    where: str = ""
    """Where masks were looked for, by which names, and what lies there, for the error that misses them."""
    classes: Classes | None = None
    """The classes that files of the data set name."""
    own_values: Mapping[str, Values] = field(default_factory=dict)
    """By the key of an image, what the values of its mask mean, where they differ from mask to mask."""
    notes: Sequence[str] = ()
    aside: Sequence[Path] = ()
    """Images of which the notes tell that they are not taken."""
    passed_over: Sequence[str] = ()
    """Names that look like images and can't be read, each with the reason."""


def classes_of_labels(labels: Sequence[str], what: str) -> Classes:
    """`classes_of_objects`. Raises NoClassesError, which says `what` the labels are, for none and for too many."""
    try:
        return classes_of_objects(labels)
    except UserError as error:
        raise NoClassesError(f"{what} can't be classes: {error}") from None


def merged(parts: Sequence[Found], *, classes: Classes | None = None) -> Found:
    """Several parts of a data set as one, with the classes that the data set names."""
    return Found(
        samples=[sample for part in parts for sample in part.samples],
        unlabelled=[sample for part in parts for sample in part.unlabelled],
        lack="; ".join(dict.fromkeys(part.lack for part in parts if part.unlabelled)),
        strays=[path for part in parts for path in part.strays],
        where="; ".join(part.where for part in parts if any(sample.mask is None for sample in part.samples)),
        classes=classes,
        notes=[note for part in parts for note in part.notes],
        passed_over=[name for part in parts for name in part.passed_over],
    )


Find = Callable[[Tree], Found | None]
"""Finds the images and masks of a folder; None for one that is laid out in another way. It reads no image."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A way of laying out images and masks in folders; an entry of `common.data.layouts.registry.LAYOUTS`."""

    words: str
    """The layout in a few words, for the error that lists those that are understood."""
    find: Find
    auto: str = "binary"
    """The word among `known` for the classes that the masks hold, unless --classes or the data set say otherwise."""
    known: Mapping[str, Classes] = field(default_factory=lambda: {"species": SPECIES, "binary": BINARY})

    def classes(self, choice: str | Classes, found: Found) -> Classes:
        """The classes of the masks: those given, those of the word or file of --classes, or the data set's own."""
        if isinstance(choice, Classes):
            return choice if found.classes is None else as_known(choice, found.classes).classes
        if choice == "auto" and found.classes is not None:
            return found.classes
        return resolve_classes(choice, self.auto, self.known)

    def labelled(self, name: str, found: Found, root: Path, *, classes: str | Classes, join: Join | None) -> Dataset:
        """The images that were found, with their masks and what these mean.

        Raises UserError for a folder without images, and for images and masks that do not pair.
        """
        _refuse_empty(found, root)
        chosen = self.classes(classes, found)
        bare = [sample.image for sample in found.samples if sample.mask is None]
        if bare:
            raise UserError(
                f"{counted(len(bare), 'image', 'has')} no mask of the same name, of {len(found.samples)}: "
                f"{abbreviate(bare)}; {found.where}"
            )
        if found.strays:
            raise UserError(
                f"{counted(len(found.strays), 'mask', 'has')} no image of the same name: "
                f"{abbreviate(found.strays)}; add the images or move these masks away"
                + "".join(f"; {note}" for note in passed_over_note(found.passed_over))
            )
        rest = [sample.image for sample in found.unlabelled]
        left_out = [f"{counted(len(rest), 'image', 'is')} left out, {found.lack}: {abbreviate(rest)}"] if rest else []
        if not found.samples:
            raise UserError(left_out[0])
        own = found.own_values if chosen == self.known.get(self.auto) else {}
        samples = [
            replace(sample, mask=joined(sample.mask, join, sample.image), values=own.get(sample.key, chosen.values))
            for sample in found.samples
            if sample.mask is not None
        ]
        read_as = as_known(classes, found.classes).notes if isinstance(classes, Classes) and found.classes else ()
        return _dataset(name, chosen, samples, found, [*read_as, *left_out, *_joined_note(samples)])

    def unlabelled(self, name: str, found: Found, root: Path) -> Dataset:
        """The images that were found, alone. Raises UserError for a folder without images."""
        _refuse_empty(found, root)
        masks = sum(sample.mask is not None for sample in found.samples) + len(found.strays)
        aside = [f"masks that are left aside: {masks}"] if masks else []
        samples = [replace(sample, mask=None) for sample in (*found.samples, *found.unlabelled)]
        return _dataset(name, None, samples, found, aside)


def _refuse_empty(found: Found, root: Path) -> None:
    if not (found.samples or found.unlabelled or found.strays):
        raise no_images(root, found.passed_over)


def joined(mask: Mask, join: Join | None, image: Path) -> Mask:
    """Several masks joined as --join says. Raises UserError where it says nothing, and the names tell no parts."""
    parts = mask.parts if isinstance(mask, JoinedMasks) else [mask]
    if isinstance(mask, JoinedMasks) and join is None and not mask.named_as_parts:
        raise UserError(
            f"{image} has {len(parts)} masks: {abbreviate(parts)}; remove all but one, or join them with --join later "
            "(a later one covers an earlier one) or --join union (what any of them shows is foreground)"
        )
    return JoinedMasks(parts, join or "later") if len(parts) > 1 or join == "union" else mask


def _joined_note(samples: Sequence[Sample]) -> list[str]:
    several = [sample.key for sample in samples if isinstance(sample.mask, JoinedMasks) and len(sample.mask.parts) > 1]
    if not several:
        return []
    return [
        f"{counted(len(several), 'image', 'is')} drawn in several masks, which are joined, a later one over an "
        f"earlier one (--join): {abbreviate(several)}"
    ]


def _dataset(
    name: str, classes: Classes | None, samples: Sequence[Sample], found: Found, notes: Sequence[str]
) -> Dataset:
    return Dataset(name, classes, tuple(samples), (*found.notes, *notes, *passed_over_note(found.passed_over)))


def splits_note(samples: Sequence[Sample]) -> list[str]:
    """Sentences that count what the folders say of the split, and the other images; none where they say nothing."""
    counts = Counter(sample.split for sample in samples if sample.split)
    said = ", ".join(f"{count} {split}" for split, count in counts.items())
    others = [sample.key for sample in samples if not sample.split]
    told = f"{counted(len(others), 'image', 'is')} in no folder of a split, so that a hash of the name decides: "
    return [f"the folders say the split: {said}", *([told + abbreviate(others)] if others else [])] if counts else []
