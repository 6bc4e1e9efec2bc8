"""What the names of folders say: which split, and whether images or masks lie in them."""

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from common.data.listing import IMAGE_SUFFIXES, MASK_SUFFIXES, Listing, is_folder, list_files, raised, without_suffixes
from common.data.masks.mask import Mask
from common.data.samples import Sample, SplitName
from common.errors import UserError

SPLIT_NAMES: dict[SplitName, tuple[str, ...]] = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
IMAGE_FOLDERS = ("images", "image", "imgs", "img", "original", "originals")
MASK_FOLDERS = (
    "masks", "mask", "labels", "label", "annotations", "annotation", "annot", "gt", "groundtruth", "ground_truth",
    "ground truth", "ground-truth", "segmentations", "segmentation",
)  # fmt: skip
SPLIT_OF: dict[str, SplitName] = {name: split for split, names in SPLIT_NAMES.items() for name in names}
AROUND = re.compile(r"stage\d_|\d{4}$")
"""What the name of a folder of a split may have before and behind it: stage1_train, train2017."""


def split_of(name: str) -> SplitName | None:
    """The split that the name of a folder or list says; None for other names."""
    return SPLIT_OF.get(AROUND.sub("", name.lower()))


def split_in(key: str) -> SplitName | None:
    """The split that the outermost of the folders in a key says, such as train/city/0001."""
    return next((split for part in key.split("/")[:-1] if (split := split_of(part))), None)


def sample_in(split: SplitName | None, key: str, image: Path, mask: Mask | None) -> Sample:
    """A sample of the folder of a split; without one the folders in its key may say it."""
    return Sample(f"{split}/{key}" if split else key, image, mask, {}, split or split_in(key))


class Tree:
    """The folder of a data set. What lies in it is listed once, however many layouts are tried."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._folders: dict[Path, dict[str, Path]] = {}
        self._files: dict[tuple[Path, Sequence[str]], Listing] = {}
        self._listings: dict[tuple[Path, Sequence[str]], Listing] = {}

    def refuse(self, error: UserError) -> None:
        """Raise an error of some files, without which the others can be read; whoever wants all errors collects it."""
        raised(error)

    def folders(self, folder: Path) -> dict[str, Path]:
        """The folders in a folder by their names in small letters; none where there is no such folder."""
        if folder not in self._folders:
            with suppress(OSError), os.scandir(folder) as entries:
                names = [entry.name for entry in entries if is_folder(entry) and not entry.name.startswith(".")]
                self._folders[folder] = {name.lower(): folder / name for name in sorted(names, reverse=True)}
            self._folders.setdefault(folder, {})
        return self._folders[folder]

    def folder(self, *names: str) -> Path | None:
        """The first of these folders that is there, in capital or small letters, such as Train/images."""
        for name in names:
            folder: Path | None = self.root
            for part in name.lower().split("/"):
                folder = self.folders(folder).get(part) if folder else None
            if folder:
                return folder
        return None

    def images(self, folder: Path | None = None) -> Listing:
        """The images below a folder, or below all of the data set's."""
        return self._listed(folder or self.root, IMAGE_SUFFIXES)

    def masks(self, folder: Path | None = None) -> Listing:
        """The files below a folder that may be masks."""
        return self._listed(folder or self.root, MASK_SUFFIXES)

    def files(self, suffixes: Sequence[str], folder: Path | None = None) -> Listing:
        """All files of some types below a folder, or the data set's own, with their suffixes."""
        folder = folder or self.root
        if (folder, suffixes) not in self._files:
            self._files[folder, suffixes] = list_files(folder, suffixes)
        return self._files[folder, suffixes]

    def _listed(self, folder: Path, suffixes: Sequence[str]) -> Listing:
        if (folder, suffixes) not in self._listings:
            self._listings[folder, suffixes] = without_suffixes(self.files(suffixes, folder), refuse=self._refuse_twins)
        return self._listings[folder, suffixes]

    def _refuse_twins(self, error: UserError) -> None:
        self.refuse(UserError(f"{error}, or say which are images and which are masks with --images and --masks"))
