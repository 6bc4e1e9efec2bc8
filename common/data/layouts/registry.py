"""The folder layouts that are understood, and how a folder's images and masks are found in them."""

from pathlib import Path

from common.data.classes import SPECIES_MASKS, TRIMAP_CLASSES
from common.data.layouts.layout import Layout, no_images
from common.data.layouts.oxford import OxfordPets
from common.data.layouts.parallel import Folders, ParallelFolders
from common.data.listing import list_images, passed_over_note
from common.data.samples import Dataset, Sample
from common.errors import UserError

LAYOUTS: dict[str, Layout] = {
    "oxford-iiit-pet": OxfordPets(
        words="the official Oxford-IIIT Pet layout (images/ annotations/)", auto="species", known=TRIMAP_CLASSES
    ),
    "train-val-test": ParallelFolders(
        words="Train/resized Train/resized_label (also Val, Test)",
        folders=(
            Folders("train", "Train/resized", "Train/resized_label"),
            Folders("val", "Val/resized", "Val/processed_labels"),
            Folders("test", "Test/resized", "Test/masks"),
        ),
        auto="species",
        known=SPECIES_MASKS,
    ),
    "train-test-masks": ParallelFolders(
        words="train/ train_masks/ test/ test_masks/",
        folders=(
            Folders("train", "train", "train_masks"),
            Folders("val", "val", "val_masks"),
            Folders("test", "test", "test_masks"),
        ),
        auto="binary",
    ),
    "isic-2016": ParallelFolders(
        words="ISBI2016_ISIC_Part1_*",
        folders=(
            Folders("train", "ISBI2016_ISIC_Part1_Training_Data", "ISBI2016_ISIC_Part1_Training_GroundTruth"),
            Folders("test", "ISBI2016_ISIC_Part1_Test_Data", "ISBI2016_ISIC_Part1_Test_GroundTruth"),
        ),
        auto="binary",
    ),
    "images-masks": ParallelFolders(
        words="images/ masks/ (with splits.csv or without)",
        folders=(Folders(None, "images", "masks"),),
        auto="binary",
        splits_file="splits.csv",
    ),
}
"""By name; the first that matches a folder is taken. To add a layout, add an entry."""


def find_dataset(root: Path, *, classes: str = "auto", labelled: bool) -> Dataset:
    """Find out how a folder of data is laid out, and list its images, with their masks if `labelled`.

    `classes` is auto, species, binary or the path of a YAML file. Without `labelled` no mask is looked for
    and any folder of images will do, read recursively; official splits stay what they are. Nothing is
    decoded. Raises UserError for a folder that is missing, empty or not understood, and for images and
    masks that do not pair up.
    """
    if not root.is_dir():
        raise UserError(f"there is no folder {root}; give the folder of the data set with --data_dir")
    for name, layout in LAYOUTS.items():
        if layout.matches(root):
            return layout.find(root, name, classes=classes, labelled=labelled)
    return _find_folder(root, labelled)


def _find_folder(root: Path, labelled: bool) -> Dataset:
    images, passed_over = list_images(root)
    if not images:
        raise no_images(root)
    if labelled:
        *most, last = (layout.words for layout in LAYOUTS.values())
        raise UserError(
            f"{root} holds {len(images)} images but no masks in a layout that is understood: lay them out as "
            f"{', '.join(most)}, or {last}"
        )
    samples = tuple(Sample(key, image, None, {}, None) for key, image in images.items())
    return Dataset("folder", None, samples, passed_over_note(passed_over))
