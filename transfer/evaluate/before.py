"""What a network began with, as far as the file that it came from is still there."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from common.config.network import network_file
from common.engine.seeding import INITIAL, seed_update
from common.errors import UserError
from common.run.checkpoint import handover_file, load_handover
from common.run.records import Provenance
from transfer.config import TransferConfig
from transfer.segmenter import Segmenter
from transfer.source import Source, find_source

STARTED = "%Y-%m-%dT%H:%M:%S%z"
"""How an environment writes its time."""


@dataclass(frozen=True)
class Origin:
    """The parts that a network began with."""

    source: Source | None
    """None where the file is gone, or is another one by now."""
    why_not: str = ""
    """Why it is missing, in a sentence."""


def find_origin(model: Segmenter, trained: TransferConfig) -> Origin:
    """Find what a network began with, by the settings of its training."""
    seed_update(trained.run.seed, INITIAL)
    missing = "The encoder before training is not shown"
    try:
        source = find_source(trained, background=model.background)
    except UserError as error:
        return Origin(None, f"{missing}: {error}.")
    other = _other(source, model, trained)
    return Origin(None, f"{missing}: {source.name} {other}.") if other else Origin(source)


def _other(source: Source, model: Segmenter, trained: TransferConfig) -> str:
    """What tells a source from the one that a network began with, as a predicate; "" for nothing."""
    known = model.handover.provenance
    receipt = known.encoder
    same = source.encoder.architecture() == model.net.encoder.architecture()
    same &= source.pretraining == receipt.pretraining and source.earlier_masks == receipt.earlier_masks
    same &= source.classifier is not None or source.loaded == receipt.loaded
    if not same:
        return "has another record than what the network began with"
    if known.earlier_images and set(known.earlier_images) != source.train_images:
        return "was trained on other images than what the network began with"
    path = _handed_over(source, trained)
    younger = path is not None and _younger(load_handover(path).provenance, known)
    return "was trained later than the network" if younger else ""


def _handed_over(source: Source, trained: TransferConfig) -> Path | None:
    """The handover file that gave a source its weights; None for any other file, and for none."""
    plan = trained.encoder
    if plan.init_from is not None:
        return network_file(plan.init_from)
    given = plan.pretrained_encoder if source.transfer is not None else None
    return None if given is None else handover_file(given)


def _younger(ours: Provenance, theirs: Provenance) -> bool:
    """Whether one network was saved after another; False where one of the files does not say when."""
    made, then = (_time(provenance.environment.get("started")) for provenance in (ours, theirs))
    return made is not None and then is not None and made > then


def _time(written: object) -> datetime | None:
    try:
        return datetime.strptime(str(written), STARTED)
    except ValueError:
        return None
