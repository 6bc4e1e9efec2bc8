"""The images that a trained network is scored on: a part of its own data set, or the images of another one."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from common.config.groups import LabelledDataConfig
from common.data.load import WholeSet, holds, load_labelled, load_part
from common.data.pack import LabelledPack
from common.data.samples import Part
from common.errors import UserError
from common.run.notes import data_name
from common.words import counted
from transfer.evaluate.config import ScoreOptions
from transfer.scoring import found_in, read_images
from transfer.segmenter import Segmenter


@dataclass(frozen=True)
class Scored:
    """Images with masks, and what they are to the network."""

    images: WholeSet
    part: Part
    name: str
    """Of the data set."""
    place: str
    """Its folder, or its name where it is embedded."""
    of_run: bool
    """Whether they are a part of the data set that the network was trained on, as its run dealt it out."""
    elsewhere: bool
    """Whether they belong to another data set."""
    seen: int
    """Images among them that the network was trained on."""
    labelled: int
    """Images of all parts of their data set, as far as it was read."""

    @property
    def record(self) -> dict[str, str | int]:
        """What was scored, for metrics.json."""
        return {"data": self.place, "part": self.part, "images": len(self.images.pack), "trained_on": self.seen}

    @property
    def warnings(self) -> list[str]:
        """A sentence where images that should be new to the network are not."""
        if not self.seen or self.part in ("train", "val"):
            return []
        count = counted(len(self.images.pack), "image")
        return [f"the scores are too high: of {count} the network was trained on {self.seen}"]

    def __str__(self) -> str:
        part = "all of it" if self.part == "all" else f"its {self.part} part"
        return f"data: {self.name}, {part}, {counted(len(self.images.pack), 'image')} with masks"


def images_to_score(options: ScoreOptions, trained: LabelledDataConfig, model: Segmenter) -> Scored:
    """The images that --data_dir and --split name, their masks read by the classes that the network's file knows.

    Without --split they are the test part of the network's own data set, wherever that lies now, or all images of
    another one. Raises UserError as `load_labelled`, and for other classes than the network's.
    """
    config, seen = options.data(trained), set(model.handover.provenance.train_images)
    config = replace(config, classes=options.classes or config.classes)
    known = {"depth": model.handover.input.depth, "classes": None if options.classes else model.classes}
    own = options.data_dir is None or _same(options.data_dir, trained.data_dir) or holds(config, seen, **known)
    part = options.split or ("test" if own else "all")
    if own and part != "all":
        data = load_labelled(config, **known)
        files = tuple(data.files.get(part, ()))
        images = WholeSet(getattr(data, part), data.classes, data.layout, data.fitting, data.notes, files, data.depth)
        labelled = data.count
    else:
        images = load_part(config, part, **known)
        labelled = len(images.pack)
    if images.classes.names != model.names:
        raise UserError(
            f"{options.file} knows the classes {', '.join(model.names)}, the data has "
            f"{', '.join(images.classes.names)}: say with --classes what its masks mean to the network"
        )
    pack = replace(images.pack, background=model.background)
    trained_on = sum(digest in seen for digest in pack.digests)
    name = data_name(config)
    place = name if config.data_dir is None else str(config.data_dir.resolve())
    of_run = own and part != "all"
    return Scored(replace(images, pack=pack), part, name, place, of_run, not own, trained_on, labelled)


def changes_since(file: Path, pack: LabelledPack) -> str | None:
    """Say how the images of a pack differ from the test images that a run recorded in this file; "" where they do not.

    None without such a record, as in older runs.
    """
    try:
        tested = read_images(file)
    except UserError:
        return None
    at = found_in(tested, pack)
    gone, new = int((at < 0).sum()), len(pack) - len(np.unique(at[at >= 0]))
    if not gone and not new:
        return ""
    of = counted(len(at), "image")
    return f"the test part has changed since the run was tested; gone or changed: {gone} of {of}, new: {new}"


def _same(place: Path, other: Path | None) -> bool:
    return other is not None and place.resolve() == other.resolve()
