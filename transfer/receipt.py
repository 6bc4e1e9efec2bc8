"""Counting what really arrived in a network, so that a transfer can't fail unseen: its receipt."""

import json
from pathlib import Path

from torch import nn

from common.errors import UserError
from common.run.plain_data import from_dict
from common.run.records import Receipt

CONSTANTS = {"encoder.mean", "encoder.std"}
"""Tensors that are set when an encoder is built, and not learnt."""


def read_receipt(path: Path) -> Receipt:
    """The receipt in a run's receipt.json. Raises UserError where it is not whole."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is not JSON ({error}): train this run again") from None
    return from_dict(Receipt, content, source=path)


def learnt_tensors(network: nn.Module, parts: tuple[str, ...]) -> int:
    """How many tensors of these parts of a network are learnt."""
    names = {f"{part}.{name}" for part in parts for name in network.get_submodule(part).state_dict()}
    return len(names - CONSTANTS)


def count_parameters(*modules: nn.Module) -> int:
    """The number of values in all parameters of some modules."""
    return sum(parameter.numel() for parameter in nn.ModuleList(modules).parameters())
