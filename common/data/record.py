"""Which images a run was begun with, as plain data; and in what another run's images differ from them."""

from collections.abc import Mapping

from common.data.pack import LabelledPack, Pack
from common.errors import abbreviate
from common.words import counted

DataRecord = dict[str, dict[str, str]]
"""Of each split (train, val, test), a digest of every image by its name."""


def data_record(packs: Mapping[str, Pack]) -> DataRecord:
    """Record the packs of a run, by split: of each image a digest of its file, and of its mask's where it has one."""
    return {split: _digests(pack) for split, pack in packs.items()}


def data_changes(before: DataRecord, now: DataRecord) -> str:
    """Return what differs between two records in words, such as "1 image is gone: train/a"; "" if nothing does."""
    was, has = _splits_of(before), _splits_of(now)
    both = [key for key in was if key in has]
    moved = [key for key in both if was[key] != has[key]]
    changed = [key for key in both if was[key] == has[key] and any(before[s][key] != now[s][key] for s in has[key])]
    lists = {
        "gone": [key for key in was if key not in has],
        "new": [key for key in has if key not in was],
        "changed": changed,
        "moved to another split": moved,
    }
    return "; ".join(_phrase(keys, what) for what, keys in lists.items() if keys)


def _digests(pack: Pack) -> dict[str, str]:
    if not isinstance(pack, LabelledPack):
        return dict(zip(pack.keys, pack.digests, strict=True))
    pairs = zip(pack.digests, pack.mask_digests, strict=True)
    return dict(zip(pack.keys, map("/".join, pairs), strict=True))


def _splits_of(record: DataRecord) -> dict[str, list[str]]:
    """By image, the splits that hold it: rarely more than one."""
    splits: dict[str, list[str]] = {}
    for split, digests in record.items():
        for key in digests:
            splits.setdefault(key, []).append(split)
    return splits


def _phrase(keys: list[str], what: str) -> str:
    return f"{counted(len(keys), 'image', 'is')} {what}: {abbreviate(keys)}"
