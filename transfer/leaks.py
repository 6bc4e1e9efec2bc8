"""Whether a pretraining saw the test images: the same files, or the same pictures saved again."""

from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from common.checkpoint import handover_file, load_handover
from common.config_groups import DataConfig
from common.data.duplicates import near_duplicates
from common.data.load import Splits, load_splits
from common.data.pack import Pack
from common.data.samples import few
from common.errors import UserError
from transfer.study_config import Start


def data_leaks(data: Splits) -> list[str]:
    """What there is to say about a labelled data set itself: test images that it trains on, or nearly."""
    told = [f"LEAK: {note}" for note in data.notes if "copies" in note]
    seen = sorted({data.test.keys[position] for _, position in near_duplicates(data.train, data.test).tolist()})
    if not seen:
        return told
    return [*told, f"LEAK: {len(seen)} test images nearly equal training images: {few(seen)}"]


def leaks_of(start: Start, test: Pack) -> list[str]:
    """What there is to say about a pretraining and the test images: one sentence or two; nothing of a start without.

    Near duplicates can only be looked for while the photographs are where the pretraining found them.
    """
    if start.file is None:
        return []
    handover = load_handover(handover_file(start.file), kind="autoencoder")
    seen = set(handover.provenance.get("train_images", ()))
    same = [key for key, digest in zip(test.keys, test.digests, strict=True) if digest in seen]
    told = f"{start.name}: of {len(test)} test images {len(same)} are among the {len(seen)} files of its pretraining"
    return [("LEAK: " if same else "") + told, _near(start.name, handover.provenance["config"], test)]


def _near(name: str, settings: dict[str, Any], test: Pack) -> str:
    known = vars(DataConfig())
    data = TypeAdapter(DataConfig).validate_python({key: value for key, value in settings.items() if key in known})
    if data.data_dir is not None and not data.data_dir.exists():
        return f"{name}: near duplicates were not looked for, as {data.data_dir} is not there any more"
    try:
        photographs = load_splits(replace(data, download=False), labelled=False).train
    except UserError as error:
        return f"{name}: near duplicates were not looked for ({error})"
    pairs = near_duplicates(photographs, test)
    found = sorted({test.keys[position] for _, position in pairs.tolist()})
    if not found:
        return f"{name}: no test image is nearly a duplicate of a photograph of its pretraining"
    return f"LEAK: {name}: {len(found)} test images nearly equal photographs of its pretraining: {few(found)}"
