"""What a target asks of a teacher."""

import hashlib
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from common.run.label_use import TeacherRecord
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


def enlarged(image: Float[Tensor, "n c h w"], side: int = STRIDE) -> Float[Tensor, "n c _ _"]:
    """Images with `side` pixels for each cell of `CELL`."""
    if side == CELL:
        return image
    return F.interpolate(image, scale_factor=side / CELL, mode="bilinear", align_corners=False)
