"""The official layout of the Oxford-IIIT Pet data set."""

from pathlib import Path

from common.data.layouts.folders import Tree
from common.data.layouts.layout import Found
from common.data.masks.mask import MaskFile
from common.data.samples import Sample, SplitName
from common.data.values import IGNORE
from common.errors import UserError, abbreviate
from common.files import read_lines
from common.words import counted

FOLDER = "oxford-iiit-pet"
"""torchvision unpacks the data set into a folder of this name, which may be the folder that is given or lie in it."""
LISTS = ("trimaps", "trainval.txt", "test.txt")


def oxford(tree: Tree) -> Found | None:
    """images/ beside annotations/, with lists of the official splits and trimaps (1 pet, 2 background, 3 border)."""
    base = next((folder for folder in (tree.root, tree.root / FOLDER) if _is_base(folder)), None)
    if base is None:
        return None
    images, passed_over = tree.images(base / "images")
    trimaps, masks_over = tree.masks(base / "annotations" / "trimaps")
    if not images:
        return Found(samples=())
    listed = _read_oxford_lists(base / "annotations")
    if gaps := [key for key in listed if key not in images]:
        raise UserError(
            f"{counted(len(gaps), 'name', 'has')} no image in images/, of trainval.txt and test.txt: "
            f"{abbreviate(gaps)}; complete the data set or shorten the lists"
        )
    samples = [
        Sample(key, images[key], MaskFile(trimaps[key]) if key in trimaps else None, {}, split)
        for key, (split, _) in listed.items()
    ]
    unlisted = [key for key in images if key not in listed]
    count = counted(len(unlisted), "image", "is")
    note = f"{count} left out, in neither trainval.txt nor test.txt: {abbreviate(unlisted, 10)}"
    return Found(
        samples=samples,
        where="looked in annotations/trimaps/: complete the data set or shorten the lists",
        own_values={key: {1: 2 if is_dog else 1, 2: 0, 3: IGNORE} for key, (_, is_dog) in listed.items()},
        notes=[note] if unlisted else [],
        aside=[images[key] for key in unlisted],
        passed_over=[*passed_over, *masks_over],
    )


def _is_base(folder: Path) -> bool:
    return (folder / "images").is_dir() and any((folder / "annotations" / name).exists() for name in LISTS)


def _read_oxford_lists(annotations: Path) -> dict[str, tuple[SplitName, bool]]:
    """Each listed image's split, and whether it shows a dog: the third column, or a name in small letters."""
    listed: dict[str, tuple[SplitName, bool]] = {}
    files: dict[SplitName, Path] = {"train": annotations / "trainval.txt", "test": annotations / "test.txt"}
    for split, path in files.items():
        if not path.is_file():
            raise UserError(f"the official split {path} is missing; it comes with the data set's annotations")
        for line in read_lines(path):
            name, *columns = line.split() or ["#"]
            if name.startswith("#"):
                continue
            if listed.get(name, (split,))[0] != split:
                raise UserError(f"{name} is listed in both trainval.txt and test.txt in {annotations}; remove one")
            listed[name] = (split, columns[1] == "2" if len(columns) > 1 else name[0].islower())
    return listed
