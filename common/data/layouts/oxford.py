"""The official layout of the Oxford-IIIT Pet data set."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from common.data.classes import IGNORE, SPECIES, Classes, resolve_classes
from common.data.layouts.layout import Layout, no_images
from common.data.listing import list_images, passed_over_note
from common.data.samples import Dataset, Sample, SplitName
from common.errors import UserError, abbreviate

FOLDER = "oxford-iiit-pet"
"""torchvision unpacks the data set into a folder of this name, which may be the folder that is given or lie in it."""
LISTS = ("trimaps", "trainval.txt", "test.txt")


@dataclass(frozen=True, kw_only=True)
class OxfordPets(Layout):
    """images/ beside annotations/, with lists of the official splits and trimaps (1 pet, 2 background, 3 border)."""

    def matches(self, root: Path) -> bool:
        """Whether the folder, or one in it, has images/ and any of the annotations."""
        return _is_base(root) or _is_base(root / FOLDER)

    def find(self, root: Path, name: str, *, classes: str, labelled: bool) -> Dataset:
        """List the images that trainval.txt and test.txt name, and their trimaps."""
        base = _base(root)
        images, passed_over = list_images(base / "images")
        if not images:
            raise no_images(base)
        trimaps, masks_over = list_images(base / "annotations" / "trimaps") if labelled else ({}, ())
        chosen = resolve_classes(classes, self.auto, self.known) if labelled else None
        listed = _read_oxford_lists(base / "annotations")
        _refuse_gaps([key for key in listed if key not in images], "image in images/")
        if labelled:
            _refuse_gaps([key for key in listed if key not in trimaps], "mask in annotations/trimaps/")
        samples = tuple(
            Sample(key, images[key], trimaps.get(key), _trimap_values(chosen, is_dog), split)
            for key, (split, is_dog) in listed.items()
        )
        unlisted = [key for key in images if key not in listed]
        note = f"{len(unlisted)} images, in neither trainval.txt nor test.txt, are left out: {abbreviate(unlisted, 10)}"
        notes = ((note,) if unlisted else ()) + passed_over_note([*passed_over, *masks_over])
        return Dataset(name, chosen, samples, notes)


def _base(root: Path) -> Path:
    return root if _is_base(root) else root / FOLDER


def _is_base(folder: Path) -> bool:
    return (folder / "images").is_dir() and any((folder / "annotations" / name).exists() for name in LISTS)


def _read_oxford_lists(annotations: Path) -> dict[str, tuple[SplitName, bool]]:
    """Each listed image's split, and whether it shows a dog: the third column, or a name in small letters."""
    listed: dict[str, tuple[SplitName, bool]] = {}
    files: dict[SplitName, Path] = {"train": annotations / "trainval.txt", "test": annotations / "test.txt"}
    for split, path in files.items():
        if not path.is_file():
            raise UserError(f"the official split {path} is missing; it comes with the data set's annotations")
        for line in path.read_text(encoding="utf-8").splitlines():
            name, *columns = line.split() or ["#"]
            if name.startswith("#"):
                continue
            if listed.get(name, (split,))[0] != split:
                raise UserError(f"{name} is listed in both trainval.txt and test.txt in {annotations}; remove one")
            listed[name] = (split, columns[1] == "2" if len(columns) > 1 else name[0].islower())
    return listed


def _refuse_gaps(names: list[str], what: str) -> None:
    if names:
        raise UserError(
            f"{len(names)} names in trainval.txt and test.txt have no {what}: {abbreviate(names)}; complete the "
            "data set or shorten the lists"
        )


def _trimap_values(classes: Classes | None, is_dog: bool) -> Mapping[int, int]:
    if classes is SPECIES:
        return {1: 2 if is_dog else 1, 2: 0, 3: IGNORE}
    return classes.values if classes else {}
