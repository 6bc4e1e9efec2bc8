"""The folder layouts that are understood, and the data set that a folder holds by one of them."""

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from common.data.classes import SPECIES_MASKS, TRIMAP_CLASSES, Classes
from common.data.layouts.beside import beside
from common.data.layouts.cityscapes import CITYSCAPES, cityscapes
from common.data.layouts.coco import coco
from common.data.layouts.folder import photographs, with_note_of_others, without_masks
from common.data.layouts.folder_each import folder_each
from common.data.layouts.folders import IMAGE_FOLDERS, MASK_FOLDERS, Tree
from common.data.layouts.globs import by_patterns
from common.data.layouts.labelme import labelme
from common.data.layouts.layout import GIVE_PATTERNS, Found, Layout, NoClassesError
from common.data.layouts.lists import with_lists
from common.data.layouts.oxford import oxford
from common.data.layouts.parallel import Folders, by_split, parallel
from common.data.layouts.voc import voc
from common.data.layouts.yolo import yolo
from common.data.listing import OF_SYSTEMS, no_images
from common.data.masks.mask import Join
from common.data.samples import Dataset
from common.data.shards.files import refuse_shards
from common.errors import UserError, abbreviate
from common.words import counted

LAYOUTS: dict[str, Layout] = {
    "oxford-iiit-pet": Layout(
        words="the official Oxford-IIIT Pet layout",
        find=oxford,
        auto="species",
        known=TRIMAP_CLASSES,
    ),
    "train-val-test": Layout(
        words="Train/resized Train/resized_label",
        find=parallel(
            Folders("train", ("Train/resized",), ("Train/resized_label",)),
            Folders("val", ("Val/resized",), ("Val/processed_labels",)),
            Folders("test", ("Test/resized",), ("Test/masks",)),
            alone=True,
        ),
        auto="species",
        known=SPECIES_MASKS,
    ),
    "isic-2016": Layout(
        words="ISBI2016_ISIC_Part1_*",
        find=parallel(
            Folders("train", ("ISBI2016_ISIC_Part1_Training_Data",), ("ISBI2016_ISIC_Part1_Training_GroundTruth",)),
            Folders("test", ("ISBI2016_ISIC_Part1_Test_Data",), ("ISBI2016_ISIC_Part1_Test_GroundTruth",)),
            alone=True,
        ),
    ),
    "split-folders": Layout(
        words="train/images train/masks",
        find=parallel(*by_split("{}/images", [f"{{}}/{name}" for name in MASK_FOLDERS])),
    ),
    "train-test-masks": Layout(
        words="train/ train_masks/",
        find=parallel(*by_split("{}", [f"{{}}{joint}{name}" for joint in ("_", "") for name in MASK_FOLDERS])),
    ),
    "images-masks": Layout(
        words="images/ masks/",
        find=parallel(Folders(None, IMAGE_FOLDERS, MASK_FOLDERS), splits_file="splits.csv"),
    ),
    "voc": Layout(words="VOC (JPEGImages/ SegmentationClass/)", find=voc),
    "cityscapes": Layout(
        words="Cityscapes (leftImg8bit/ gtFine/)", find=cityscapes, auto="cityscapes", known=CITYSCAPES
    ),
    "folder-each": Layout(words="x/images/ x/masks/ for each image x", find=folder_each),
    "yolo": Layout(words="YOLO (images/ labels/*.txt)", find=yolo),
    "labelme": Layout(words="LabelMe (x.jpg x.json)", find=labelme),
    "coco": Layout(words="COCO (annotations/*.json)", find=coco),
    "beside": Layout(words="x.jpg beside x_mask.png", find=beside),
}
"""By name; the first that matches a folder is taken. To add a layout, add a function and an entry."""

FOLDER = Layout(words="any folder of images", find=photographs)
"""Of phase 1 alone, where no other layout matches."""


class Patterns(NamedTuple):
    """Which files are images and which are masks, as --images and --masks say; see `by_patterns`."""

    images: str = ""
    masks: str = ""


NO_PATTERNS = Patterns()


def find_dataset(
    root: Path,
    *,
    labelled: bool,
    classes: str | Classes = "auto",
    join: Join | None = None,
    patterns: Patterns = NO_PATTERNS,
) -> Dataset:
    """Find out how a folder of data is laid out, and list its images, with their masks if `labelled`.

    `classes` is auto, a word, the path of a YAML file, or classes themselves; `join` says how several masks of an image
    become one; `patterns` take the place of a layout. Without `labelled` masks are left aside, and any folder of images
    will do, read recursively; official splits stay what they are. Nothing is decoded. Raises UserError for a folder
    that is missing, empty or not understood, and for images and masks that do not pair up.
    """
    refuse_shards(root)
    if not root.is_dir():
        raise UserError(f"there is no folder {root}; give the folder of the data set with --data_dir")
    tree = Tree(root)
    name, layout, found = _laid_out(tree, patterns, labelled=labelled)
    if layout is None or found is None:
        if labelled:
            raise not_understood(tree)
        return FOLDER.unlabelled("folder", photographs(tree), root)
    if not patterns.images:
        found = with_note_of_others(found, tree)
    if not labelled:
        return layout.unlabelled(name, found if patterns.images else without_masks(found, tree), root)
    return layout.labelled(name, found, root, classes=classes, join=join)


def _laid_out(tree: Tree, patterns: Patterns, *, labelled: bool) -> tuple[str, Layout | None, Found | None]:
    """`laid_out`; and where masks are not asked for, and can't be told, no layout."""
    try:
        return laid_out(tree, patterns)
    except NoClassesError:
        if labelled:
            raise
        return "folder", None, None


def laid_out(tree: Tree, patterns: Patterns) -> tuple[str, Layout | None, Found | None]:
    """The first layout that matches, or that of the patterns; with its name, and what it finds, split as lists say."""
    if patterns.masks and not patterns.images:
        raise UserError(f"--masks {patterns.masks} needs --images, the pattern of the images that they belong to")
    if patterns.images:
        layout = Layout(words="--images and --masks", find=by_patterns(*patterns))
        found = layout.find(tree)
        return "patterns" if patterns.masks else "folder", layout, found and with_lists(found, tree)
    for name, layout in LAYOUTS.items():
        if (found := layout.find(tree)) is not None:
            return name, layout, with_lists(found, tree)
    return "folder", None, None


def not_understood(tree: Tree) -> UserError:
    """The error for a folder that holds no masks, or none that can be told from images."""
    if sets := _sets_below(tree.root):
        folders = abbreviate(sets)
        if len(sets) > 1:
            return UserError(
                f"{tree.root} is no data set, but {len(sets)} folders in it are: {folders}; give one of them as "
                f"--data_dir, or {GIVE_PATTERNS}"
            )
        (layout,) = sets.values()
        return UserError(f"{tree.root} is no data set, but {folders} is one: {layout.words}; give that as --data_dir")
    files, passed_over = tree.images()
    if not files:
        return no_images(tree.root, passed_over)
    *most, last = (layout.words for layout in LAYOUTS.values())
    return UserError(
        f"{tree.root} holds {counted(len(files), 'image')} but no masks in a layout that is understood: "
        f"lay them out as {', '.join(most)}, or {last} (docs/data.md); or say where they lie with --images and --masks"
    )


def _sets_below(root: Path) -> dict[Path, Layout]:
    """The folders in a folder that are data sets, with their layouts; those further down where it holds one folder."""
    folders = [folder for folder in Tree(root).folders(root).values() if folder.name not in OF_SYSTEMS]
    sets = {}
    for folder in sorted(folders):
        with suppress(UserError):
            _, layout, _ = laid_out(Tree(folder), NO_PATTERNS)
            sets.update({folder: layout} if layout else {})
    return sets or (_sets_below(folders[0]) if len(folders) == 1 else {})
