"""Lists of names in the data set's own folder that say the split: train.txt, val.txt, test.txt."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from common.data.layouts.folders import Tree, split_of
from common.data.layouts.layout import Found
from common.data.listing import IMAGE_SUFFIXES, plain_name
from common.data.samples import Sample, SplitName
from common.errors import UserError, abbreviate
from common.files import read_lines
from common.words import counted

UNREAD = re.compile(r"(?:splits?|folds?)(?:[_\-. ].*)?\.(?:csv|tsv|json|txt|ya?ml)", re.IGNORECASE)
"""Files that sound as if they said the split."""
LONGEST = 40
"""Letters of a line that a note shows."""


def with_lists(found: Found, tree: Tree) -> Found:
    """What a layout found, split as lists say, where its folders say nothing.

    A line begins with the name of an image, which may have its folder and its suffix; a note counts other lines. Images
    in no list are left out if one says what to train on. An image in two lists is an error.
    """
    if any(sample.split for sample in found.samples):
        return found
    keys, bare = _by_name(found.samples), _by_name(found.unlabelled)
    splits: dict[str, SplitName] = {}
    strange: dict[str, list[str]] = {}
    for path in sorted(tree.root.glob("*.txt")):
        if (split := split_of(path.stem)) is None:
            continue
        for line in filter(None, map(str.strip, read_lines(path))):
            key = _named(line, keys)
            if key is None and not _named(line, bare):
                strange.setdefault(path.name, []).append(line[:LONGEST])
            elif key and splits.setdefault(key, split) != split:
                tree.refuse(UserError(f"{path} lists {key}, which is listed as {splits[key]} too; remove one"))
    others = [
        f"{name} has {counted(len(lines), 'line')} without the name of an image: {abbreviate(lines)}"
        for name, lines in strange.items()
    ]
    if not splits:
        return replace(found, notes=[*found.notes, *others, *_unread(tree)])
    counts = ", ".join(f"{count} {split}" for split, count in Counter(splits.values()).items())
    known = [replace(sample, split=splits.get(sample.key)) for sample in found.samples]
    whole = "train" in splits.values()
    rest = [sample for sample in known if whole and not sample.split]
    return replace(
        found,
        samples=[sample for sample in known if sample.split or not whole],
        unlabelled=[*found.unlabelled, *rest],
        lack="; ".join(filter(None, [found.lack, "in no list of a split" if rest else ""])),
        notes=[*found.notes, f"lists of names say the split: {counts}", *others],
    )


def _by_name(samples: Sequence[Sample]) -> dict[str, str]:
    """The keys of samples by the names that a list may have for them; the last part of one where no other has it."""
    last = Counter(sample.key.rpartition("/")[2] for sample in samples)
    keys = {name: s.key for s in samples if last[name := s.key.rpartition("/")[2]] == 1}
    return keys | {sample.key: sample.key for sample in samples}


def _named(line: str, keys: Mapping[str, str]) -> str | None:
    """The key of the image that a line names; None for a line that names none."""
    for word in (line, re.split(r"[\s,;]", line)[0]):
        name = plain_name(word.replace("\\", "/").removeprefix("./"))
        name = name.rpartition(".")[0] if name.lower().endswith(IMAGE_SUFFIXES) else name
        if key := keys.get(name) or keys.get(name.rpartition("/")[2]):
            return key
    return None


def _unread(tree: Tree) -> list[str]:
    """A sentence that names files which sound as if they said the split."""
    unread = sorted(path.name for path in tree.root.iterdir() if UNREAD.fullmatch(path.name) and path.is_file())
    told = f"{abbreviate(unread)} says no split that is read: write the names into train.txt, val.txt and test.txt"
    return [told] if unread else []
