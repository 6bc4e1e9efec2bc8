"""What a look at all files of a data set tells before any of them is decoded: pages, ranges of values, palettes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.data.deep import Depth, is_deep, range_of, read_deep
from common.data.known import KnownFiles
from common.data.masks.file import is_lossy
from common.data.masks.mask import JoinedMasks
from common.data.masks.palette import (
    WITH_PALETTE,
    colours_of,
    refuse_other_palettes,
    told_by_index,
    white_is_no_255,
)
from common.data.opened import (
    REFUSED_BY_PILLOW,
    BadFileError,
    open_with_pillow,
    opened,
    pixel_limit,
    pixels_in,
    read_bytes,
)
from common.data.pages import Pages, pages_of
from common.data.samples import PAGE, Reading, Sample, mask_files
from common.data.tiff import bands_in
from common.data.turned import stored_orientation
from common.data.values import ValueTable
from common.errors import UserError, abbreviate
from common.run.plain_data import adapter
from common.words import counted


@dataclass(frozen=True)
class Facts:
    """What is not plain in a file; in most files nothing is."""

    pages: tuple[int, ...] = (0,)
    """Its pictures, from 0."""
    depth: Depth | None = None
    """The ends of the range of an image of more than 8 bits."""
    kinds: tuple[str, ...] = ()
    """What a mask has beside numbers: a palette, transparency, a loss."""
    palette: Mapping[int, str] = field(default_factory=dict)
    """The colours of the indices that a mask holds, such as #ff0000."""

    @property
    def colours(self) -> dict[int, int]:
        """The palette as numbers, 0xRRGGBB."""
        return {index: int(colour[1:], 16) for index, colour in self.palette.items()}


TYPE = adapter(Facts)
NOTHING = Facts()
WITH_ALPHA = ("LA", "RGBA", "PA")
"""Modes of Pillow."""


def facts_word(channels: int, pages: Pages) -> str:
    """The word for the record of what was seen: of four channels, and of all pages of a file, the range is another.

    To be raised when files are looked at in another way.
    """
    return ("pages" if pages == "all" else "facts") + ("4" if channels == 4 else "") + "-2"


class Surveyed(NamedTuple):
    """Samples that know how their files are read."""

    samples: Sequence[Sample]
    depth: Depth | None
    """The values of deep images that become 0 and 255; None where all images have 8 bits."""
    notes: Sequence[str]


def survey(
    samples: Sequence[Sample], known: KnownFiles, *, pages: Pages, depth: Depth | None = None, channels: int = 3
) -> Surveyed:
    """Look at the files of a data set; `known` keeps what was seen, so that no file is read twice.

    Stacks and animations are marked as bad files, or their first picture or each of them taken. Deep images share one
    range: `depth`, or that of all of them. Raises UserError for a stack whose mask has more or fewer pages, and for
    masks whose palettes differ where classes are told by indices.
    """
    look = partial(image_facts, channels=channels, pages=pages)
    images = _facts([sample.image for sample in samples], known, look)
    drawn = _facts([path for sample in samples for path in mask_files(sample)], known, mask_facts, taken_as="mask")
    _refuse_other_palettes(samples, drawn)
    seen = images | drawn
    several = [path for path, facts in seen.items() if len(facts.pages) > 1]
    deep = [facts.depth for facts in images.values() if facts.depth]
    depth = depth or _whole_range(deep)
    read = [
        page
        for sample in samples
        for page in _pages(sample, images[sample.image], [drawn[path] for path in mask_files(sample)], pages, depth)
    ]
    if pages == "refuse":
        read = [_refused(sample, seen, len(several)) for sample in read]
    return Surveyed(read, depth if deep else None, [*depth_note(len(deep), depth), *_pages_note(several, read, pages)])


def _facts(
    paths: Sequence[Path], known: KnownFiles, look: Callable[[Path], Facts | None], *, taken_as: str = ""
) -> dict[Path, Facts]:
    """What is not plain in each file. A mask that was seen as a photograph before is looked at again."""
    different = list(dict.fromkeys(paths))

    def told(path: Path) -> str:
        return "" if (facts := look(path)) is None else TYPE.dump_json(facts, exclude_defaults=True).decode()

    return {
        path: TYPE.validate_json(text) if text not in ("", "{}") else NOTHING
        for path, text in zip(different, known.digests(different, told, taken_as=taken_as), strict=True)
    }


def image_facts(path: Path, channels: int = 3, pages: Pages = "first") -> Facts | None:
    """What is not plain in an image file. What can't be read is plain: decoding says what is wrong.

    The range is that of all its pictures if all are taken, else that of the first.

    None for a file of more pixels than are read now, to be looked at anew.
    """
    try:
        data = read_bytes(path)
        if pixels_in(data) > pixel_limit():
            return None
        there = tuple(pages_of(data))
        measured = () if not is_deep(data) else there if pages == "all" else (0,)
        depths = [_depth(data, path, page, channels) for page in measured]
    except BadFileError:
        return NOTHING
    return Facts(there, _whole_range(depths), ("turned",) if stored_orientation(data) != 1 else ())


def depth_in(data: bytes, path: Path, channels: int) -> Depth | None:
    """The range of the first picture of a file of more than 8 bits; None for one of 8 bits, or that can't be read."""
    try:
        return _depth(data, path, 0, channels) if is_deep(data) else None
    except BadFileError:
        return None


def _depth(data: bytes, path: Path, page: int, channels: int) -> Depth | None:
    """The range of a picture of more than 8 bits, without what its file says was not measured."""
    bands = bands_in(data, page)
    return range_of(read_deep(data, path, page, channels), bands.no_data if bands else None)


def _whole_range(depths: Sequence[Depth | None]) -> Depth | None:
    """The range that holds all of these; None for none."""
    lows, highs = zip(*filter(None, depths), strict=True) if any(depths) else ((), ())
    return (min(lows), max(highs)) if lows else None


def mask_facts(path: Path) -> Facts:
    """What is not plain in a mask file."""
    try:
        data = read_bytes(path)
        header = opened(data)
        picture = open_with_pillow(data, path) if header.mode in WITH_PALETTE else header
        colours = colours_of(picture)
    except (BadFileError, *REFUSED_BY_PILLOW):  # arrays and texts too
        return NOTHING
    has = {"palette": colours is not None, "alpha": header.mode in WITH_ALPHA, "loss": is_lossy(header, data)}
    kinds = tuple(kind for kind, there in has.items() if there)
    if colours is None:
        return Facts(tuple(pages_of(data)), kinds=kinds)
    used = np.unique(np.asarray(picture.convert("P"))).tolist()
    return Facts(tuple(pages_of(data)), kinds=kinds, palette={index: f"#{colours[index]:06x}" for index in used})


def _refuse_other_palettes(samples: Sequence[Sample], drawn: Mapping[Path, Facts]) -> None:
    told = [
        (path, drawn[path].palette)
        for sample in samples
        for path in mask_files(sample)
        if drawn[path].palette and told_by_index(drawn[path].colours, ValueTable(sample.values))
    ]
    refuse_other_palettes(told)


def _pages(sample: Sample, image: Facts, masks: Sequence[Facts], pages: Pages, depth: Depth | None) -> list[Sample]:
    """The sample, or one for each picture of its file, with how they are read."""
    kinds = {kind for facts in masks for kind in (*facts.kinds, *image.kinds)} | _read_anew(sample, masks)
    reading = Reading(depth=depth if image.depth else None, mask_kinds=tuple(sorted(kinds)))
    if pages != "all" or max(len(facts.pages) for facts in (image, *masks)) == 1:
        return [replace(sample, reading=reading)]
    if other := [facts for facts in masks if len(facts.pages) != len(image.pages)]:
        raise UserError(
            f"{sample.image} has {len(image.pages)} pages, and its mask {sample.mask} {len(other[0].pages)}: each page "
            "needs one of its own (--pages all)"
        )
    return [
        replace(
            sample,
            key=f"{sample.key}{PAGE}{number}",
            reading=reading._replace(page=page, mask_page=masks[0].pages[number - 1] if masks else 0),
        )
        for number, page in enumerate(image.pages, start=1)
    ]


def _read_anew(sample: Sample, masks: Sequence[Facts]) -> set[str]:
    """What of a mask is read otherwise than before, in words; of all others the packs of older versions are found."""
    anew, mask = set[str](), sample.mask
    if any(facts.palette and white_is_no_255(facts.colours, ValueTable(sample.values)) for facts in masks):
        anew.add("numbered")
    if isinstance(mask, JoinedMasks) and mask.join == "union" and ValueTable(sample.values).leaves_out:
        anew.add("united")
    return anew


def _refused(sample: Sample, facts: Mapping[Path, Facts], files: int) -> Sample:
    """The sample, marked as a bad file if any of its files holds several pictures."""
    for path in (sample.image, *mask_files(sample)):
        if (count := len(facts[path].pages)) > 1:
            others = f" ({counted(files - 1, 'other file', 'holds')} several, too)" if files > 1 else ""
            reason = (
                f"{path} holds {count} pictures{others}: take the first of each with --pages "
                "first, or each as an image with --pages all"
            )
            return replace(sample, reading=sample.reading._replace(refused=reason))
    return sample


def depth_note(count: int, depth: Depth | None) -> list[str]:
    """A sentence on the range that images of more than 8 bits share; none where there are none."""
    if not count or depth is None:
        return []
    low, high = (f"{end:,.6g}" for end in depth)
    return [f"{counted(count, 'image', 'is')} of more than 8 bits: values from {low} to {high} become 0 to 255"]


def _pages_note(several: Sequence[Path], read: Sequence[Sample], pages: Pages) -> list[str]:
    if not several or pages == "refuse":
        return []
    if pages == "first":
        return [f"of {counted(len(several), 'file')} with several pictures the first is taken: {abbreviate(several)}"]
    homes = [sample.image for sample in read if sample.reading.page is not None]
    return [f"{counted(len(homes), 'image', 'is')} pages of {counted(len(set(homes)), 'file')}"]
