"""What really arrived in an encoder: printed and kept with every run, so that a transfer can't fail unseen."""

from dataclasses import asdict, dataclass
from typing import Any

from torch import nn

from transfer.model import SegmentationNet

CONSTANTS = {"mean", "std"}
"""Tensors of an encoder that are set when it is built, and not learnt."""


@dataclass(frozen=True)
class Receipt:
    """The encoder's origin, and how much of the network it is."""

    source: str
    """A file with its pretext, ImageNet, or scratch."""
    tensors: int
    """Learnt tensors in the encoder."""
    loaded: int
    """Tensors among them that were filled from the source."""
    encoder_parameters: int
    parameters: int
    frozen_epochs: int
    """Epochs in which the encoder stays as it came."""
    lr_factor: float
    """Its rate afterwards, relative to the decoder's."""

    @property
    def pretrained(self) -> bool:
        """Whether anything was handed over at all."""
        return self.loaded > 0

    def __str__(self) -> str:
        share = self.encoder_parameters / self.parameters
        head = f"encoder from {self.source}: {self.loaded} of {self.tensors} tensors loaded"
        size = f"{self.encoder_parameters:,} of {self.parameters:,} parameters ({share:.0%})"
        if not self.pretrained:
            return f"{head}; {size} start at random in the encoder, none is frozen"
        missing = f"{self.tensors - self.loaded} missing"
        frozen = f"frozen for {self.frozen_epochs} epochs" if self.frozen_epochs else "never frozen"
        return f"{head}, {missing}; {size} are pretrained; {frozen}, then trained at {self.lr_factor:g} x --lr"

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        return asdict(self)


def receipt(net: SegmentationNet, source: str, loaded: int, *, frozen_epochs: int, lr_factor: float) -> Receipt:
    """Count what is in the network and what was loaded into it."""
    return Receipt(
        source=source,
        tensors=len(net.encoder.state_dict().keys() - CONSTANTS),
        loaded=loaded,
        encoder_parameters=_count(net.encoder),
        parameters=_count(net),
        frozen_epochs=frozen_epochs if loaded else 0,
        lr_factor=lr_factor if loaded else 1.0,
    )


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
