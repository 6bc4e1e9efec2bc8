"""Weights in a file of another program: found under what wraps them, and behind the prefix of their names."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from common.errors import UserError, abbreviate
from common.models.channels import adapt_channels
from common.models.weights import checked_state, load_exactly
from common.run.exported import ExportRecord, read_export
from common.run.safe_file import safe_record
from common.tensor_files import load_tensors
from common.words import counted

CLASSIFIERS = ("fc.", "_fc.", "classifier.", "last_linear.", "head.", "head_dist.", "projection_head.", "prototypes.")
"""Prefixes of the tensors of classifiers and of other heads, which an encoder does not have."""
AVERAGES = {"encoder_k", "momentum_encoder", "backbone_momentum"}
"""What MoCo, MoCo v3 and lightly call the average of an encoder beside it, which their own evaluations leave aside."""
COUNTER = "num_batches_tracked"
"""Of a normalisation's updates: files of torch before 0.4.1 have none, and nothing depends on it."""
DEEPEST = 4
"""Dictionaries within one another that are looked into."""


class Pretrained(NamedTuple):
    """What a network was filled with."""

    tensors: int
    """How many were loaded."""
    origin: str = "ImageNet"
    """ImageNet, or the file of one's own."""
    where: str = ""
    """Where in that file they were, in words; "" where it holds nothing else."""
    record: ExportRecord | None = None
    """What the file says of them, where this program wrote it."""

    @property
    def imagenet(self) -> bool:
        """Whether they are known to be those that ImageNet's labels taught."""
        return self.origin == "ImageNet"


class _Place(NamedTuple):
    """Some of a file's tensors that may be a network's."""

    keys: str
    """The keys of the dictionaries around them, such as state_dict."""
    prefix: str
    """What their names begin with, such as module.encoder."""
    state: Mapping[str, Tensor]
    """The tensors behind the prefix, by the rest of their names."""
    others: Sequence[str]
    """The names without that prefix."""
    numbered: bool = False
    """Whether its layers have numbers there in place of names, as those of an nn.Sequential."""

    @property
    def average(self) -> bool:
        """Whether it is the average that a program keeps of an encoder."""
        return not AVERAGES.isdisjoint(f"{self.keys}.{self.prefix}".split("."))

    def tensors(self, module: nn.Module) -> dict[str, Tensor]:
        """Those for a network: without heads, and with counters where the file lacks these alone."""
        own = module.state_dict()
        kept = without_heads(self.state, own.keys())
        missing = own.keys() - kept.keys()
        counted_on = all(name.endswith(COUNTER) for name in missing)
        return kept | ({name: torch.zeros_like(own[name]) for name in missing} if counted_on else {})

    def __str__(self) -> str:
        parts = [f"in {self.keys}"] if self.keys else []
        parts += [f"behind the prefix {self.prefix}"] if self.prefix else []
        parts += ["its layers by their numbers"] if self.numbered else []
        homes = abbreviate(dict.fromkeys(name.partition(".")[0] for name in self.others))
        parts += [f"{counted(len(self.others), 'other tensor')} left out: {homes}"] if self.others else []
        return ", ".join(parts)


Convert = Callable[[dict[str, Tensor], nn.Module], dict[str, Tensor]]


def load_given(
    module: nn.Module,
    path: Path,
    what: str,
    *,
    convert: Convert | None = None,
    rename: Convert | None = None,
    flag: str = "--encoder_weights_path",
    ours: str = "--pretrained_encoder",
) -> Pretrained:
    """Fill a network from a file of one's own, and return what was loaded.

    The file holds the network's tensors by its names (.pth or .safetensors), also inside a checkpoint, and behind a
    prefix such as `module.` or `encoder.`; a classifier is left out. The first layer is refitted where it has other
    channels. `rename` is asked before a network's names are looked for, `convert` where names still differ. Raises
    UserError, naming the prefix or the first names, where
    the file lacks a tensor or has one too many; it names `flag`, which gave the file, and `ours`, which gives files of
    this program.
    """
    content = read_weights(path, flag, ours)
    if rename is not None:
        content = {keys: rename(state, module) for keys, state in dictionaries(content)} or content
    place = _best_place(content, module, path, what)
    own = module.state_dict().keys()
    kept = place.tensors(module)
    if convert is not None and kept.keys() != own:
        kept = without_heads(convert(dict(place.state), module), own)
    state = adapt_channels(checked_state(kept, path), module)
    told = str(place)
    tensors = load_exactly(module, state, f"the weights of {what} in {path}{told and f' ({told})'}")
    return Pretrained(tensors, str(path), told, read_export(path))


def fits(module: nn.Module, content: Any) -> bool:
    """Whether a file's content has exactly the tensors of a network, by their names and shapes, in one place of it."""
    places = [place for place in _places(dict(dictionaries(content)), module) if not place.average]
    own = {name: value.shape for name, value in module.state_dict().items()}
    return any(
        {name: value.shape for name, value in adapt_channels(place.tensors(module), module).items()} == own
        for place in places
    )


def without_heads(state: Mapping[str, Tensor], own: Set[str]) -> dict[str, Tensor]:
    """The tensors that are a network's `own` by their names, and all others but those of heads."""
    return {name: tensor for name, tensor in state.items() if name in own or not name.startswith(CLASSIFIERS)}


def read_weights(path: Path, flag: str = "--encoder_weights_path", ours: str = "--pretrained_encoder") -> Any:
    """The content of a file of weights (.pth or .safetensors); raises as `load_given`."""
    if not path.is_file():
        raise UserError(f"there is no file of weights at {path}: check {flag}")
    if path.suffix != ".safetensors":
        content = load_tensors(path)
        if isinstance(content, Mapping) and content.get("format") == "recon2seg":
            raise UserError(f"{path} is a file of this program: give it with {ours}")
        return content
    if safe_record(path) is not None:
        raise UserError(f"{path} is a file of this program: give it with {ours}")
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError, KeyError) as error:  # KeyError: a type of numbers that torch lacks
        raise UserError(f"cannot read {path}: {error}") from None


def _best_place(content: Any, module: nn.Module, path: Path, what: str) -> _Place:
    """Where most of a network's tensors are. Raises UserError where none is, and where several places hold as many."""
    found, own = dict(dictionaries(content)), module.state_dict()
    if not found:
        checked_state(content, path)
        raise UserError(f"{path} holds no tensors: give a file of the weights of {what}")
    places = _places(found, module)
    if not places:
        names = [name for state in found.values() for name in state]
        raise UserError(
            f"{path} holds no tensor of {what}: its names are {abbreviate(names)}, those of the network "
            f"{abbreviate(list(own))}; give the file of such a network"
        )
    places = [place for place in places if not place.average] or places
    first, *others = places
    if any(not _equal(first.state, other.state, own) for other in others):
        told = " or ".join(f"{place.keys or 'its dictionary'} with the prefix {place.prefix!r}" for place in places)
        raise UserError(f"{path} holds {what} more than once: save one of them alone ({told})")
    return first


def _places(found: Mapping[str, Mapping[str, Tensor]], module: nn.Module) -> list[_Place]:
    """The places that hold most of a network's tensors by their names; else those with all of them by numbers."""
    numbered = _numbered(module)
    most, held = _counted(found, module.state_dict())
    if most < len(numbered):
        all_of_them, places = _counted(found, numbered)
        if all_of_them == len(numbered):
            return [_place(keys, prefix, found[keys], numbered) for keys, prefix in places]
    return [_place(keys, prefix, found[keys], {}) for keys, prefix in held]


def _counted(found: Mapping[str, Mapping[str, Tensor]], names: Collection[str]) -> tuple[int, list[tuple[str, str]]]:
    """How many of these names one place holds at most, and by keys and prefix the places that do."""
    counts = Counter(
        (keys, prefix) for keys, state in found.items() for name in state for prefix in _prefixes(name, names)
    )
    most = max(counts.values(), default=0)
    return most, [place for place, count in counts.items() if count == most]


def _numbered(module: nn.Module) -> dict[str, str]:
    """The names of a network's tensors, by those that they have in an nn.Sequential of its layers."""
    return {
        f"{number}.{name}": f"{layer}.{name}"
        for number, (layer, part) in enumerate(module.named_children())
        for name in part.state_dict()
    }


def dictionaries(content: Any, keys: str = "", depth: int = DEEPEST) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """All dictionaries with tensors, by the keys around them, with their tensors."""
    if not isinstance(content, Mapping) or not depth:
        return
    tensors = {name: value for name, value in content.items() if isinstance(name, str) and isinstance(value, Tensor)}
    if tensors:
        yield keys, tensors
    for name, value in content.items():
        yield from dictionaries(value, f"{keys}.{name}" if keys else str(name), depth - 1)


def _prefixes(name: str, own: Collection[str]) -> Iterator[str]:
    """What a name has before one of the network's own names."""
    parts = name.split(".")
    for first in range(len(parts)):
        if ".".join(parts[first:]) in own:
            yield "".join(f"{part}." for part in parts[:first])


def _place(keys: str, prefix: str, state: Mapping[str, Tensor], numbered: Mapping[str, str]) -> _Place:
    behind = {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
    own = {numbered.get(name, name): tensor for name, tensor in behind.items()}
    return _Place(keys, prefix, own, [name for name in state if not name.startswith(prefix)], bool(numbered))


def _equal(state: Mapping[str, Tensor], other: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> bool:
    return all(name in state and name in other and torch.equal(state[name], other[name]) for name in own)
