"""A repaired copy of a data set: what can be trained on, in one layout, with a log of each change."""

import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from itertools import chain
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import yaml
from jaxtyping import UInt8
from PIL import Image

from common.data.classes import IGNORE, Classes
from common.data.decode import image_of, labels_of
from common.data.layouts.folders import split_of
from common.data.opened import read_bytes
from common.data.pages import pages_of
from common.data.parallel import map_in_order, reading_pool, with_progress
from common.data.samples import SPLITS, Sample, mask_files
from common.data.turned import stored_orientation
from common.doctor.evidence import Evidence
from common.doctor.finding import Finding
from common.doctor.seen import Seen
from common.errors import UserError
from common.rows import csv_table

CLASSES, LOG = "classes.yaml", "changes.csv"
STOP = ("mask-255", "masks-differ")
"""Findings after which nobody knows what the masks mean."""
LEFT_OUT = {
    "image-without-mask": "it has no mask",
    "mask-without-image": "it has no image",
    "several-masks": "its masks need not belong together",
    "unlabelled": "it has no mask, or no list of a split names it",
    "passed-over": "it cannot be read",
}
"""Findings about files that were not looked at, and why each of these is left out."""
SUFFIX_OF = {
    "AVIF": ".avif", "BMP": ".bmp", "GIF": ".gif", "HEIF": ".heic", "JPEG": ".jpg", "JPEG2000": ".jp2", "MPO": ".jpg",
    "PNG": ".png", "PPM": ".ppm", "TIFF": ".tif", "WEBP": ".webp",
}  # fmt: skip
"""By Pillow's names of the types."""


class Change(NamedTuple):
    """What the copy has otherwise."""

    file: str
    change: str
    reason: str


class Repaired(NamedTuple):
    """What was written."""

    folder: Path
    images: int
    left_out: int
    """Files."""
    changes: int
    """All that the log tells, those included."""


def refuse_target(out: Path, source: Path | None) -> None:
    """Raise UserError unless a copy of `source` can be written to a folder: it is new or empty, and elsewhere."""
    if source is None:
        raise UserError("--fix copies images with their masks: name their folder with --data_dir")
    here, there = out.resolve(), source.resolve()
    if here.is_relative_to(there) or there.is_relative_to(here):
        raise UserError(f"--fix {out} and --data_dir {source} lie in each other: give a folder elsewhere")
    if out.exists() and not out.is_dir():
        raise UserError(f"--fix {out} is a file: give a new folder")
    if out.exists() and any(out.iterdir()):
        raise UserError(f"--fix {out} is not empty: give a new folder")


def repair(evidence: Evidence, findings: Sequence[Finding], out: Path) -> Repaired:
    """Write a copy of what can be trained on, as images/, masks/ and classes.yaml, with changes.csv; all or nothing.

    The source is only read. Raises UserError where it is not certain what the masks mean, and where nothing is left.
    """
    doubt = next((finding for finding in findings if finding.kind in STOP), None)
    if doubt is not None:
        raise UserError(f"--fix cannot know what the masks mean: {doubt.sentence}; {doubt.advice}")
    kept, dropped = _chosen(evidence, findings)
    if not kept or evidence.classes is None:
        raise UserError("--fix has nothing to copy: no image has a mask that can be used")
    _refuse_parted_pages(kept.values())
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as temporary:  # beside it, to be renamed
        copy = Path(temporary, "copy")
        changed = list(chain.from_iterable(_written(kept, copy, evidence)))
        (copy / CLASSES).write_text(_of_class_numbers(evidence.classes), encoding="utf-8")
        with csv_table(copy / LOG, Change._fields) as add:
            for change in (*dropped, *changed):
                add(change)
        copy.rename(out)
    left_out = sum(change.change == "left out" for change in dropped)
    return Repaired(out, len(kept), left_out, len(dropped) + len(changed))


def _chosen(evidence: Evidence, findings: Sequence[Finding]) -> tuple[Mapping[PurePosixPath, Seen], list[Change]]:
    """The images to copy by their place in the copy, without suffix; and what is left out, with the reason."""
    dropped = [
        Change(name, "left out", LEFT_OUT[finding.kind])
        for finding in findings
        if finding.kind in LEFT_OUT
        for name in finding.names
    ]
    others = (finding for finding in findings if finding.kind in ("names", "note"))
    aside = [
        one.sentence for one in others if one.kind == "names" or "aside" in one.sentence or "left out" in one.sentence
    ]
    dropped += [Change(str(evidence.config.data.data_dir), "not copied", sentence) for sentence in aside]
    official = any(seen.sample.split or _is_page(seen) for seen in evidence.seen)  # pages of one file stay together
    kept: dict[PurePosixPath, Seen] = {}
    first: dict[bytes, Seen] = {}
    for seen in sorted(evidence.seen, key=lambda one: ("test", "val", "train").index(one.split or "train")):
        place = _place(seen, official=official)
        reason = _why_not(seen) or _copied(seen, first.setdefault(seen.digest, seen))
        if not reason and (place.is_absolute() or ".." in place.parts or place in kept):
            reason = "another image has its place in the copy"
        if reason:
            dropped.append(Change(seen.name, "left out", reason))
        else:
            kept[place] = seen
    return kept, dropped


def _is_page(seen: Seen) -> bool:
    return seen.sample.reading.page is not None


def _refuse_parted_pages(kept: Collection[Seen]) -> None:
    """Raise UserError where pages would lie in several splits: what no folder holds is drawn from training images."""
    missing = [split for split in SPLITS if split not in {seen.split for seen in kept}]
    if missing and any(map(_is_page, kept)):
        raise UserError(
            f"--fix would part the pages of one file: no image is left for {' and '.join(missing)}, which a training "
            "then draws from the pages; add files, or try another --split_seed"
        )


def _why_not(seen: Seen) -> str:
    """Why an image can't be trained on; "" if it can."""
    if seen.trouble or seen.drawn is None or seen.grey is None:
        return seen.reason
    if seen.drawn.unknown:
        return "its mask holds values that the classes do not know"
    if not seen.drawn.pixels.sum():
        return "no pixel of its mask is labelled"
    return ""


def _copied(seen: Seen, first: Seen) -> str:
    """Why a copy of an earlier image is left out; copies with different masks stay, for nobody knows which is right."""
    if first is seen or not (first.drawn and seen.drawn):
        return ""
    if first.split != seen.split:
        return f"the same picture as {first.name}, in {first.split}"
    return f"the same picture as {first.name}" if first.drawn.digest == seen.drawn.digest else ""


def _place(seen: Seen, *, official: bool) -> PurePosixPath:
    """Where an image lies below images/, without suffix: by its split, if folders tell that, for names may change."""
    parts = PurePosixPath(seen.sample.key).parts
    if not official or seen.split is None:
        return PurePosixPath(*parts)
    inner = parts[1:] if len(parts) > 1 and split_of(parts[0]) else parts
    return PurePosixPath(seen.split, *inner)


def _written(kept: Mapping[PurePosixPath, Seen], copy: Path, evidence: Evidence) -> Iterator[list[Change]]:
    """Write images and masks; what is changed of each."""
    for folder in {copy / kind / place.parent for place in kept for kind in ("images", "masks")}:
        folder.mkdir(parents=True, exist_ok=True)
    write = partial(_write, copy, channels=evidence.config.data.channels)
    with reading_pool(evidence.threads) as pool:
        done = map_in_order(pool, write, kept.items(), ahead=4 * evidence.threads)
        with closing(with_progress(done, len(kept), "copying")) as results:
            yield from results


def _write(copy: Path, placed: tuple[PurePosixPath, Seen], *, channels: int) -> list[Change]:
    place, seen = placed
    sample = seen.sample
    data = read_bytes(sample.image)
    image = image_of(sample, data, channels)
    mask = _png(labels_of(sample, data, image).classes)
    (copy / "masks" / f"{place}.png").write_bytes(mask)
    suffix = SUFFIX_OF.get(seen.named_wrong, "") if seen.named_wrong else sample.image.suffix
    again = _why_again(sample, data) or ("" if suffix else f"it is {seen.named_wrong}")
    changes = []
    if again:
        changes.append(Change(seen.name, "written as PNG", again))
    elif seen.named_wrong:
        changes.append(Change(seen.name, f"renamed to {suffix}", f"it is {seen.named_wrong}"))
    (copy / "images" / f"{place}{'.png' if again else suffix}").write_bytes(_png(image) if again else data)
    if [path.read_bytes() for path in mask_files(sample)] != [mask]:
        changes.append(Change(str(sample.mask), "written as class numbers", "one kind of mask for all"))
    return changes


def _why_again(sample: Sample, data: bytes) -> str:
    """Why the file of an image is not copied as it is; "" if it is."""
    if sample.reading.page is not None:
        return f"page {sample.reading.page + 1} of several"
    if len(pages_of(data)) > 1:
        return "the first of several pictures"
    return "turned as its EXIF tag says" if stored_orientation(data) != 1 else ""


def _png(pixels: UInt8[np.ndarray, "h w *c"]) -> bytes:
    """The content of a PNG file."""
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels).save(file, "PNG")
    return file.getvalue()


def _of_class_numbers(classes: Classes) -> str:
    """The file of --classes for masks of class numbers."""
    values = {**{k: k for k in range(classes.num_classes)}, IGNORE: "ignore"}
    return yaml.safe_dump({**classes.to_dict(), "values": values}, allow_unicode=True, sort_keys=False)
