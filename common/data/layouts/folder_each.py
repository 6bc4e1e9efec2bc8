"""A folder for each image, with its mask in several files: the layout of the Data Science Bowl 2018."""

import re

from common.data.layouts.folders import Tree, split_in
from common.data.layouts.layout import GIVE_PATTERNS, Found
from common.data.layouts.pairing import natural
from common.data.listing import MASK_SUFFIXES
from common.data.masks.mask import JoinedMasks, MaskFile
from common.data.samples import Sample
from common.errors import UserError

INSIDE = re.compile(r"(?P<key>.+)/(?P<role>image|mask)s?/[^/]+", re.IGNORECASE)


def folder_each(tree: Tree) -> Found | None:
    """x/images/x.png beside x/masks/*.png, one object a file; folders around them may say the split."""
    if not any(INSIDE.fullmatch(name) for name in tree.files(MASK_SUFFIXES).files):
        return None
    files, passed_over = tree.masks()
    homes: dict[str, dict[str, list[str]]] = {}
    for name in sorted(files, key=natural):
        if inside := INSIDE.fullmatch(name):
            roles = homes.setdefault(inside["key"], {"image": [], "mask": []})
            roles[inside["role"].lower()].append(name)
    several = [key for key, roles in homes.items() if len(roles["image"]) > 1]
    single = {key: roles for key, roles in homes.items() if len(roles["image"]) == 1}
    if not any(roles["mask"] for roles in single.values()) or 2 * len(single) <= len(homes):
        return None
    for key in several:
        reason = f"{tree.root / key} holds several images, where other folders hold one each: remove the others, or"
        tree.refuse(UserError(f"{reason} {GIVE_PATTERNS}"))

    def sample(key: str, image: str, masks: list[str]) -> Sample:
        parts = tuple(MaskFile(files[name]) for name in masks)
        return Sample(key, files[image], JoinedMasks(parts) if parts else None, {}, split_in(f"{key}/"))

    samples = [sample(key, roles["image"][0], roles["mask"]) for key, roles in single.items()]
    return Found(
        samples=[found for found in samples if found.mask is not None],
        unlabelled=[found for found in samples if found.mask is None],
        lack="without a folder of masks beside theirs",
        strays=[files[name] for roles in homes.values() if not roles["image"] for name in roles["mask"]],
        passed_over=passed_over,
    )
