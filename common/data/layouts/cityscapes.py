"""The layout of Cityscapes."""

from common.data.classes import Classes
from common.data.layouts.folders import Tree, sample_in
from common.data.layouts.layout import Found
from common.data.layouts.pairing import pair_masks
from common.data.values import IGNORE, REST

IMAGES, MASKS = "leftImg8bit", "gtFine"
LABELS = "_labelIds"
TRAINED = {
    7: "road", 8: "sidewalk", 11: "building", 12: "wall", 13: "fence", 17: "pole", 19: "traffic light",
    20: "traffic sign", 21: "vegetation", 22: "terrain", 23: "sky", 24: "person", 25: "rider", 26: "car", 27: "truck",
    28: "bus", 31: "train", 32: "motorcycle", 33: "bicycle",
}  # fmt: skip
"""The 19 classes that are scored, by their numbers in the masks; the others are ignored."""
CITYSCAPES = {
    "cityscapes": Classes(
        tuple(TRAINED.values()), {**{number: k for k, number in enumerate(TRAINED)}, REST: IGNORE}, background=None
    )
}


def cityscapes(tree: Tree) -> Found | None:
    """leftImg8bit/SPLIT/CITY/*_leftImg8bit.png beside gtFine/SPLIT/CITY/*_gtFine_labelIds.png."""
    image_folder, mask_folder = tree.folder(IMAGES), tree.folder(MASKS)
    if image_folder is None or mask_folder is None:
        return None
    images, passed_over = tree.images(image_folder)
    drawn, masks_over = tree.masks(mask_folder)
    masks, strays = pair_masks(images, ((key, path) for key, path in drawn.items() if key.endswith(LABELS)))
    labelled = {key.partition("/")[0] for key in drawn}
    samples = [sample_in(None, key, image, masks.get(key)) for key, image in images.items()]
    return Found(
        samples=[sample for sample in samples if sample.key.partition("/")[0] in labelled],
        unlabelled=[sample for sample in samples if sample.key.partition("/")[0] not in labelled],
        lack=f"in a folder that {MASKS}/ lacks",
        strays=strays,
        where=f"looked in {MASKS}/ for names ending in {LABELS}: complete the data set",
        passed_over=[*passed_over, *masks_over],
    )
