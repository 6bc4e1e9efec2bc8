"""The receipt of a transfer: the number of tensors that a network really loaded."""

from pathlib import Path

from torch import nn

from common.errors import UserError
from common.run.plain_data import from_json
from common.run.records import Receipt

CONSTANTS = {"encoder.mean", "encoder.std"}
"""Tensors that are fixed when an encoder is built, and not learnt."""
COMPARED = ("parts", "tensors", "loaded", "part_parameters", "parameters", "pretraining", "earlier_masks")
"""Entries by which a run that goes on knows what it began with."""


def read_receipt(path: Path) -> Receipt:
    """Read the receipt from a run's receipt.json. Raises UserError if it is incomplete."""
    return from_json(Receipt, path)


def refuse_other_source(run: Path, now: Receipt) -> None:
    """Raise UserError where a run goes on from weights of another kind than it began with, wherever their file lies.

    What was learnt since is in the training state; of the file only its records are compared.
    """
    if not (run / "receipt.json").exists():
        return
    before = read_receipt(run / "receipt.json")
    if any(getattr(now, entry) != getattr(before, entry) for entry in COMPARED):
        raise UserError(
            f"cannot resume {run} from {now.source}: it began with {before.source}, and their records differ; give "
            "that file"
        )


def learnt_tensors(network: nn.Module, parts: tuple[str, ...]) -> int:
    """Return the number of learnt tensors in these parts of a network."""
    names = {f"{part}.{name}" for part in parts for name in network.get_submodule(part).state_dict()}
    return len(names - CONSTANTS)


def count_parameters(*modules: nn.Module) -> int:
    """Return the number of values in all parameters of some modules."""
    return sum(parameter.numel() for parameter in nn.ModuleList(modules).parameters())
