"""Whether a pretraining saw the test images: the same files, or the same pictures saved again."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from common.config.groups import DataConfig
from common.data.duplicates import near_duplicates
from common.data.load import LabelledSplits, Splits, load_splits
from common.data.notes import leaks
from common.data.pack import Pack
from common.data.shards.files import is_shards
from common.errors import UserError, abbreviate
from common.models.recognised import of_another_program
from common.run.checkpoint import handover_file, load_handover
from common.run.exported import read_export
from common.run.plain_data import adapter
from common.words import counted
from transfer.pool.photographs import photographs_but
from transfer.study.config import StudyConfig
from transfer.study.initialisations import Initialisation


def data_leaks(data: Splits, *folds: Splits) -> list[str]:
    """Leaks within a labelled data set: test images equal or nearly equal to training or validation images.

    `folds`: with --folds the images of each, in place of one split. Of a pair in two folds each is tested where the
    other one is learnt from.
    """
    told = list(leaks(data.train, data.val, data.test))
    if folds:
        pairs = [_pairs(pack, fold.test) for fold in folds for pack in (fold.train, fold.val)]
        found = {"images of other folds": sorted({key for some in pairs for pair in some for key in pair})}
    else:
        found = {"training images": _nearly(data.train, data.test), "validation images": _nearly(data.val, data.test)}
    known = {others: (counted(len(keys), "test image"), abbreviate(keys)) for others, keys in found.items() if keys}
    return told + [f"LEAK: nearly equal to {others}: {count}: {names}" for others, (count, names) in known.items()]


def _pairs(seen: Pack, test: Pack) -> list[tuple[str, str]]:
    """The names of an image that was seen and a test image that are nearly the same."""
    return [(seen.keys[index], test.keys[position]) for index, position in near_duplicates(seen, test).tolist()]


def _nearly(seen: Pack, test: Pack) -> list[str]:
    """The test images that are nearly one of those that were seen."""
    return sorted({asked for _, asked in _pairs(seen, test)})


def pool_leaks(config: StudyConfig, data: LabelledSplits, tested: Pack) -> list[str]:
    """Test images that are nearly a photograph of --unlabelled_dir, in a sentence; none without photographs.

    Raises UserError as `photographs_but`.
    """
    folder, start = config.pool.unlabelled_dir, next((start for start in config.starts if start.pool), None)
    if folder is None or start is None:
        return []
    if not folder.exists():
        return [f"near duplicates among the photographs were not searched: {folder} no longer exists"]
    photographs, _ = photographs_but(set(tested.digests), config.training_of(start), data.depth)
    found = _nearly(photographs, tested)
    told = f"nearly equal to photographs of --unlabelled_dir: {counted(len(found), 'test image')}"
    return [f"LEAK: {told}: {abbreviate(found)}"] if found else []


def leaks_of(start: Initialisation, test: Pack) -> list[str]:
    """Leaks of test images into a pretraining, in one or two sentences; none without a pretraining.

    Near duplicates can only be looked for while the photographs are where the pretraining found them.
    """
    if start.file is None:
        return []
    if of_another_program(handover_file(start.file)):
        return _leaks_of_another(start.name, handover_file(start.file), test)
    handover = load_handover(handover_file(start.file), kind="autoencoder")
    seen, place = set(handover.provenance.train_images), handover.provenance.config.get("data_dir")
    if place is not None and is_shards(Path(place)):
        known = _equal(start.name, seen, test)
        unknown = f"{start.name}: its photographs were a stream: whether others of them are test images is not known"
        return [f"{known}, as far as they are known", unknown]
    return [_equal(start.name, seen, test), _near(start.name, handover.provenance.config, seen, test)]


def _leaks_of_another(name: str, path: Path, test: Pack) -> list[str]:
    """The same of an encoder alone: an export names the images that taught it, the file of another program does not."""
    record = read_export(path)
    if record is None:
        return [f"{name}: nobody knows whether test images were among those of its pretraining: its file names none"]
    return [
        _equal(name, set(record.train_images), test),
        f"{name}: near duplicates were not searched: its file is alone",
    ]


def _equal(name: str, seen: Collection[str], test: Pack) -> str:
    same = [key for key, digest in zip(test.keys, test.digests, strict=True) if digest in seen]
    told = f"{name}: {counted(len(same), 'test image', 'is')} among {counted(len(seen), 'file')} of its pretraining"
    return ("LEAK: " if same else "") + told


def _near(name: str, settings: Mapping[str, Any], seen: set[str], test: Pack) -> str:
    known = vars(DataConfig())
    recorded = {key: value for key, value in settings.items() if key in known}
    data = adapter(DataConfig).validate_python({**DataConfig.BEFORE, **recorded})
    if data.data_dir is not None and not data.data_dir.exists():
        return f"{name}: near duplicates were not searched: {data.data_dir} no longer exists"
    try:
        photographs = load_splits(replace(data, download=False)).train
    except UserError as error:
        return f"{name}: near duplicates were not searched ({error})"
    looked = len(seen.intersection(photographs.digests))
    rest = f" ({len(seen) - looked:,} of {len(seen):,} are not in {data.data_dir} now)" if looked < len(seen) else ""
    if found := _nearly(photographs, test):
        names = abbreviate(found)
        return f"LEAK: {name}: nearly equal to its photographs: {counted(len(found), 'test image')}: {names}{rest}"
    if rest:
        return f"{name}: no test image is a near duplicate of the {looked:,} pretraining photographs found{rest}"
    return f"{name}: no test image is a near duplicate of a pretraining photograph"
