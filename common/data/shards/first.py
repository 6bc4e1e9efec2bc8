"""The first photographs of shards as files: those that validate and test, and some of those that train."""

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from common.config.groups import DataConfig
from common.data.cache import move_into_place, writing
from common.data.identity import digest_of
from common.data.pack_spec import spec_of
from common.data.samples import SPLITS, Dataset, Sample
from common.data.shards.files import Photo, readable_in, refuse_damaged, shards_of
from common.data.shards.stream import Shards
from common.data.split import split_fractions, split_keys, unit_hash
from common.errors import UserError
from common.files import default_cache_dir
from common.say import note
from common.terminal import spinner
from common.words import counted

FIRST = 10_000
"""Photographs among which those that validate and test are chosen, by the hash of their names."""
SHOWN = 128
"""Training photographs that are kept as files, to be looked at."""
INDEX = "index.json"


def first_photographs(pattern: Path, config: DataConfig) -> Dataset:
    """The first photographs of shards, as files in the cache; those to train on are some of those in the stream.

    Raises UserError as `shards_of` and `refuse_damaged` do, and for too few photographs.
    """
    shards = shards_of(pattern)
    if not config.skip_bad_files:
        refuse_damaged(shards)
    cache = config.cache_dir or default_cache_dir()
    stamps = [_stamp(shard) for shard in shards]
    folder = cache / f"{digest_of([stamps, config.split_seed, config.val_share, FIRST, SHOWN])}.shards"
    if not folder.is_dir():
        with writing(cache, "photographs of shards") as temporary, spinner("reading the first photographs"):
            (unfinished := temporary / folder.name).mkdir()
            _write(unfinished, islice(_unique(shards, skip=config.skip_bad_files), FIRST), config)
            move_into_place(unfinished, folder)
    samples = [
        Sample(key, folder / name, None, {}, split)
        for split, names in json.loads((folder / INDEX).read_text(encoding="utf-8")).items()
        for key, name in names.items()
    ]
    counts = {split: sum(sample.split == split for sample in samples) for split in SPLITS}
    told = (
        f"{counted(len(shards), 'shard', 'is')} read as a stream: of the first photographs {counts['val']} validate "
        f"and {counts['test']} test; all others train, of which {counts['train']} are counted here"
    )
    return Dataset("shards", None, tuple(samples), notes=(told,))


def stream_of(config: DataConfig, dataset: Dataset) -> Shards | None:
    """The photographs that train; None for a folder."""
    if dataset.layout != "shards" or config.data_dir is None:
        return None
    held_out = frozenset(sample.key for sample in dataset.samples if sample.split != "train")
    return Shards(tuple(shards_of(config.data_dir)), held_out, spec_of(config, dataset.fitting), dataset.depth)


def _unique(shards: Sequence[str], *, skip: bool) -> Iterator[Photo]:
    """The photographs of all shards, of each name the first."""
    seen = set[str]()
    for shard in shards:
        for photo in readable_in(shard, skip=skip, leave_out=lambda error: note(f"left out: {error}")):
            if photo.key not in seen:
                seen.add(photo.key)
                yield photo


def _write(folder: Path, photos: Iterator[Photo], config: DataConfig) -> None:
    """Write those that are held out by the hash of their names, and the first others."""
    fractions, keys, names = split_fractions(config, "folder"), [], {}
    for photo in photos:
        keys.append(photo.key)
        held_out = unit_hash(config.split_seed, photo.key) < sum(fractions[1:])
        if held_out or len(keys) <= SHOWN:
            names[photo.key] = f"{len(names)}{Path(photo.name).suffix}"
            (folder / names[photo.key]).write_bytes(photo.data)
    if not keys:
        raise UserError(f"--data_dir {config.data_dir} holds no images: check it")
    known = {"seed": config.split_seed, "fractions": fractions, "fill": len(keys) <= SHOWN}
    parts = split_keys(keys, [None] * len(keys), **known)
    index = {split: {keys[i]: names[keys[i]] for i in parts[split].tolist() if keys[i] in names} for split in SPLITS}
    (folder / INDEX).write_text(json.dumps(index), encoding="utf-8")


def _stamp(shard: str) -> list[str | int]:
    """What tells that a shard on this machine is another one by now; of others the address alone."""
    try:
        stat = Path(shard).stat()
    except OSError:
        return [shard]
    return [shard, stat.st_size, stat.st_mtime_ns]
