"""The segmentation network: from an image to logits for each class and pixel."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import torch
from jaxtyping import Float
from pydantic import Field, StrictBool
from torch import Tensor, nn

from common.models.decoder import Decoder
from common.models.encoder import Encoder
from common.models.layout import channels_last
from common.models.rebuild import planned
from common.models.registry import build_parts
from common.run.plain_data import adapter


@dataclass(frozen=True)
class _Head:
    """What a file says of a segmentation network beside its encoder and decoder."""

    num_classes: Annotated[int, Field(ge=1, le=255, strict=True)]
    one_logit: StrictBool = False


class SegmentationNet(nn.Module):
    """A segmentation network: an encoder, a decoder, and a classifier (`head`).

    With `one_logit`, for two classes, the head has one output z and the logits are (0, z). Their softmax is
    the sigmoid of z, and their cross-entropy the binary one.
    """

    def __init__(self, encoder: Encoder, decoder: Decoder, *, num_classes: int, one_logit: bool = False) -> None:
        super().__init__()
        assert num_classes == 2 or not one_logit, "one logit tells two classes apart"
        self.encoder = encoder
        self.decoder = decoder
        self.num_classes, self.one_logit = num_classes, one_logit
        self.head = decoder.head(1 if one_logit else num_classes)
        channels_last(self)

    def forward(self, image: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k h w"]:
        """Return the logits. Raises UserError for a size that does not fit the encoder."""
        return self.classify(self.encoder(image))

    def classify(self, features: Sequence[Float[Tensor, "n _ _ _"]]) -> Float[Tensor, "n k h w"]:
        """Return the logits of the encoder's maps."""
        logits = self.head(self.decoder(features))
        return torch.cat([torch.zeros_like(logits), logits], 1) if self.one_logit else logits

    @torch.no_grad()
    def initialise_from_foreground(self, head: Mapping[str, Tensor], background: int = 0) -> None:
        """Initialise the classifier from the state of a foreground head: one output on this decoder.

        The foreground's probability is divided equally among all classes except the `background`.
        """
        own = self.head.state_dict()
        assert own.keys() == head.keys(), "a head of another decoder"
        if self.one_logit:  # the logit of class 1: a linear layer, so that its negative is that of class 0
            self.head.load_state_dict({name: tensor if background == 0 else -tensor for name, tensor in head.items()})
            return
        others = self.num_classes - 1
        for name, tensor in head.items():
            each = tensor - math.log(others) if name.endswith("bias") else tensor
            parts = [each] * others
            parts.insert(background, torch.zeros_like(tensor))
            own[name].copy_(torch.cat(parts))

    @torch.no_grad()
    def initialise_from_head(self, head: Mapping[str, Tensor], kept: Mapping[int, int]) -> None:
        """Take over classes of another classifier on this decoder; `kept` says which of its classes each of ours is.

        The others stay as they are. With `one_logit` both classes are to be kept.
        """
        one, two = (planned(partial(self.decoder.head, outputs), "its head").state_dict() for outputs in (1, 2))
        for name, own in self.head.state_dict().items():
            axis = next(at for at, (a, b) in enumerate(zip(one[name].shape, two[name].shape, strict=True)) if a != b)
            rows = head[name].unflatten(axis, (-1, one[name].shape[axis])).movedim(axis, 0)
            rows = torch.cat([torch.zeros_like(rows), rows]) if len(rows) == 1 else rows  # one logit is that of class 1
            ours = own.unflatten(axis, (-1, one[name].shape[axis])).movedim(axis, 0)
            if self.one_logit:
                ours[0] = rows[kept[1]] - rows[kept[0]]
                continue
            for index, theirs in kept.items():
                ours[index] = rows[theirs]

    def parts(self) -> dict[str, nn.Module]:
        """The parts whose weights a handover file holds, by their names there."""
        return {"encoder": self.encoder, "decoder": self.decoder, "head": self.head}

    def architecture(self) -> dict[str, Any]:
        """Return the argument of `from_architecture` for this network, without its weights, as plain JSON data."""
        return {
            "encoder": self.encoder.architecture(),
            "decoder": self.decoder.architecture(),
            "num_classes": self.num_classes,
            "one_logit": self.one_logit,
        }

    @classmethod
    def from_architecture(cls, architecture: Mapping[str, Any]) -> "SegmentationNet":
        """Build the network of an `architecture()`, randomly initialised; raises as `build_parts`."""
        head = adapter(_Head).validate_python(dict(architecture))
        return cls(*build_parts(architecture), num_classes=head.num_classes, one_logit=head.one_logit)
