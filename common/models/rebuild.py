"""Networks from what a file says of them: planned without memory, compared with the file's tensors, then built."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from common.errors import UserError
from common.models.weights import load_exactly, refuse_other_tensors
from common.run.plain_data import first_fault

REFUSALS = (UserError, TypeError, ValueError, LookupError, AttributeError, RuntimeError, AssertionError, OverflowError)
"""What layers raise for settings that no network has."""

T = TypeVar("T")


@runtime_checkable
class Sectioned(Protocol):
    """A network whose weights a handover file holds by sections."""

    def parts(self) -> Mapping[str, nn.Module]: ...


N = TypeVar("N", bound=Sectioned)


def planned(make: Callable[[], T], source: Path | str) -> T:
    """What `make` builds from the settings in a file, on torch's meta device: shapes alone, whatever their size.

    No random number is drawn. Raises UserError for settings that no network has.
    """
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"), _WithoutDraws():
            return make()
    except ValidationError as error:
        reason = first_fault(error)
    except REFUSALS as error:
        reason = " ".join(str(error).split()) or type(error).__name__
    raise UserError(f"{source} cannot be used: {reason}")


class _WithoutDraws(TorchFunctionMode):
    """Tensors without values are not filled at random: torch would import its compiler for it, which takes seconds."""

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return args[0] if func in (Tensor.normal_, Tensor.uniform_) else func(*args, **(kwargs or {}))


def rebuilt(make: Callable[[], N], sections: Mapping[str, Mapping[str, Tensor]], source: Path | str) -> N:
    """The network that `make` builds from the settings in a file, with the file's weights.

    Raises UserError, before it takes any memory, unless the file holds each tensor of the network and no others.
    """
    refuse_other_sections(planned(make, source).parts(), sections, source)
    network = make()
    load_sections(network.parts(), sections, source)
    return network


def load_sections(
    parts: Mapping[str, nn.Module], sections: Mapping[str, Mapping[str, Tensor]], source: Path | str
) -> None:
    """Fill the parts of a network from a handover file's sections; raises as `refuse_other_sections`."""
    refuse_other_sections(parts, sections, source)
    for name, part in parts.items():
        load_exactly(part, sections[name], _of(name, source))


def refuse_other_sections(
    parts: Mapping[str, nn.Module], sections: Mapping[str, Mapping[str, Tensor]], source: Path | str
) -> None:
    """Raise UserError unless a file has a section for each part, none beside them, and the tensors of each."""
    if missing := parts.keys() - sections.keys():
        raise UserError(f"{source} holds no {', '.join(sorted(missing))}: copy it again from its run")
    if others := sections.keys() - parts.keys():
        listed = ", ".join(sorted(others))
        raise UserError(f"{source} has a {listed}, which this network has not: give a file of the same task")
    for name, part in parts.items():
        refuse_other_tensors(part, sections[name], _of(name, source))


def _of(name: str, source: Path | str) -> str:
    return f"the weights of the {name} in {source}"
