"""What really arrived in a network: printed and kept with every run, so that a transfer can't fail unseen."""

from dataclasses import asdict, dataclass
from typing import Any

from torch import nn

CONSTANTS = {"encoder.mean", "encoder.std"}
"""Tensors that are set when an encoder is built, and not learnt."""


@dataclass(frozen=True)
class Receipt:
    """The origin of the parts that were handed over, and how much of the network they are."""

    source: str
    """A file with its pretext, ImageNet, or scratch."""
    parts: tuple[str, ...]
    """What the source was asked for: the encoder, or the encoder and the decoder."""
    tensors: int
    """Learnt tensors in these parts."""
    loaded: int
    """Tensors among them that were filled from the source."""
    part_parameters: int
    """Parameters in these parts."""
    parameters: int
    """Parameters in the whole network."""
    trained_parameters: int
    """Parameters that are trained in some epoch."""
    frozen_epochs: int
    """Epochs in which the whole encoder stays as it came."""
    thaw_every: int
    """Epochs from the thawing of one of its levels to the next; 0 where all thaw at once."""
    epochs: int
    """Epochs of the whole training."""
    lr_factor: float
    """The encoder's rate afterwards, relative to the decoder's; that of its coarsest level if they differ."""

    @property
    def pretrained(self) -> bool:
        """Whether anything was handed over at all."""
        return self.loaded > 0

    def frozen_levels(self, epoch: int, levels: int) -> int:
        """How many of an encoder's `levels`, counted from the finest, are frozen in an epoch (from 0)."""
        if epoch < self.frozen_epochs:
            return levels
        if not self.pretrained or self.thaw_every == 0:
            return 0
        return max(levels - 1 - (epoch - self.frozen_epochs) // self.thaw_every, 0)

    def __str__(self) -> str:
        share = self.part_parameters / self.parameters
        parts = " and ".join(self.parts)
        head = f"{parts} from {self.source}: {self.loaded} of {self.tensors} tensors loaded"
        size = f"{self.part_parameters:,} of {self.parameters:,} parameters ({share:.0%})"
        if not self.pretrained:
            return f"{head}; {size} start at random in the {parts}, none is frozen"
        missing = f"{self.tensors - self.loaded} missing"
        if self.frozen_epochs >= self.epochs:
            return f"{head}, {missing}; {size} are pretrained; encoder frozen, never trained"
        frozen = f"frozen for {self.frozen_epochs} epochs" if self.frozen_epochs else "never frozen as a whole"
        thawed = f", thawed a level every {self.thaw_every} epochs" if self.thaw_every else ""
        rate = f"trained at {self.lr_factor:g} x --lr"
        return f"{head}, {missing}; {size} are pretrained; encoder {frozen}{thawed}, then {rate}"

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        return asdict(self)


def learnt_tensors(network: nn.Module, parts: tuple[str, ...]) -> int:
    """How many tensors of these parts of a network are learnt."""
    names = {f"{part}.{name}" for part in parts for name in network.get_submodule(part).state_dict()}
    return len(names - CONSTANTS)


def count_parameters(*modules: nn.Module) -> int:
    """The number of values in all parameters of some modules."""
    return sum(parameter.numel() for parameter in nn.ModuleList(modules).parameters())
