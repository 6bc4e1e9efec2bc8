"""What a target asks of a teacher."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from common.models.given import Pretrained
from common.run.label_use import UNKNOWN, LabelUse, TeacherRecord
from common.tensors import bytes_of
from pretrain.targets.target import CELL

LATE = 2
"""How many maps of a pyramid teach, the coarsest."""
STRIDE = 16
"""Stride of a pyramid's finer map that teaches: images are enlarged until it has a place for each cell."""


class Teacher(nn.Module):
    """A trained network that never learns and stays in evaluation mode.

    A subclass sets `record` and implements `maps`.
    """

    record: TeacherRecord
    """What it is, and whose labels had taught it."""
    in_channels: int = 3
    train_images: Sequence[str] = ()
    """Digests of the images that taught it, as far as they are known."""

    def maps(self, image: Float[Tensor, "n c h w"]) -> list[Float[Tensor, "n _ _ _"]]:
        """The maps that teach, of images in [0, 1]."""
        raise NotImplementedError

    def fingerprint(self) -> str:
        """What tells its maps from those of others: its name and its weights."""
        digest = hashlib.blake2b(f"{type(self).__name__} {self.record.name}".encode(), digest_size=16)
        for name, tensor in self.state_dict().items():
            digest.update(name.encode())
            digest.update(bytes_of(tensor))
        return digest.hexdigest()

    def train(self, mode: bool = True):  # noqa: ARG002
        """Stay in evaluation mode, whatever a parent's train() says."""
        return super().train(False)


def given_record(name: str, path: Path, given: Pretrained) -> TeacherRecord:
    """The record of a network with the weights in a file: its labels are known where this program exported them."""
    if given.record is None:
        return TeacherRecord(name=name, weights=str(path), licence=UNKNOWN, unknown_labels=True)
    return taught_record(name, given.record.task, weights=str(path))


def seen_by(given: Pretrained) -> Sequence[str]:
    """Digests of the images that taught the weights in a file, where it says so."""
    return given.record.train_images if given.record is not None else ()


def taught_record(name: str, labels: LabelUse, *, masks: int = 0, weights: str = "") -> TeacherRecord:
    """The record of what this program trained, of what a file says of it; `masks` trained it beside those."""
    return TeacherRecord(
        name=name,
        weights=weights,
        uses_imagenet_labels=labels.uses_imagenet_labels,
        uses_labels=labels.uses_labels,
        unknown_labels=labels.unknown_labels,
        earlier_masks=labels.earlier_masks + masks,
        taught_by=labels.taught_by,
    )


def enlarged(image: Float[Tensor, "n c h w"], side: int = STRIDE) -> Float[Tensor, "n c _ _"]:
    """Images with `side` pixels for each cell of `CELL`."""
    if side == CELL:
        return image
    return F.interpolate(image, scale_factor=side / CELL, mode="bilinear", align_corners=False)
