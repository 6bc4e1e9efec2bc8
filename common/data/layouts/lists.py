"""Lists of names in the data set's own folder that say the split: train.txt, val.txt, test.txt."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from common.data.layouts.folders import Tree, split_of
from common.data.layouts.layout import Found
from common.data.listing import IMAGE_SUFFIXES, plain_name
from common.data.samples import SplitName
from common.errors import UserError, abbreviate
from common.files import read_lines

UNREAD = re.compile(r"(?:splits?|folds?)(?:[_\-. ].*)?\.(?:csv|tsv|json|txt|ya?ml)", re.IGNORECASE)
"""Files that sound as if they said the split."""


def with_lists(found: Found, tree: Tree) -> Found:
    """What a layout found, split as lists say, where its folders say nothing.

    A line begins with the name of an image, which may have its folder and its suffix; other lines say nothing. Images
    in no list are left out if one says what to train on. An image in two lists is an error.
    """
    if any(sample.split for sample in found.samples):
        return found
    last = Counter(sample.key.rpartition("/")[2] for sample in found.samples)
    keys = {name: s.key for s in found.samples if last[name := s.key.rpartition("/")[2]] == 1}
    keys |= {sample.key: sample.key for sample in found.samples}
    splits: dict[str, SplitName] = {}
    for path in sorted(tree.root.glob("*.txt")):
        if (split := split_of(path.stem)) is None:
            continue
        for key in _listed(read_lines(path), keys):
            if splits.setdefault(key, split) != split:
                tree.refuse(UserError(f"{path} lists {key}, which is listed as {splits[key]} too; remove one"))
    if not splits:
        unread = sorted(path.name for path in tree.root.iterdir() if UNREAD.fullmatch(path.name) and path.is_file())
        note = f"{abbreviate(unread)} says no split that is read: write the names into train.txt, val.txt and test.txt"
        return replace(found, notes=[*found.notes, note]) if unread else found
    counts = ", ".join(f"{count} {split}" for split, count in Counter(splits.values()).items())
    known = [replace(sample, split=splits.get(sample.key)) for sample in found.samples]
    whole = "train" in splits.values()
    rest = [sample for sample in known if whole and not sample.split]
    return replace(
        found,
        samples=[sample for sample in known if sample.split or not whole],
        unlabelled=[*found.unlabelled, *rest],
        lack="; ".join(filter(None, [found.lack, "in no list of a split" if rest else ""])),
        notes=[*found.notes, f"lists of names say the split: {counts}"],
    )


def _listed(lines: list[str], keys: Mapping[str, str]) -> list[str]:
    """The keys of the images that lines name."""
    found = []
    for line in lines:
        for word in (line.strip(), re.split(r"[\s,;]", line.strip())[0]):
            name = plain_name(word.replace("\\", "/").removeprefix("./"))
            name = name.rpartition(".")[0] if name.lower().endswith(IMAGE_SUFFIXES) else name
            if key := keys.get(name) or keys.get(name.rpartition("/")[2]):
                found.append(key)
                break
    return found
