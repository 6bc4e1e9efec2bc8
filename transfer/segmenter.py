"""A trained segmentation network, ready to use."""

from collections.abc import Sequence
from pathlib import Path

from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

from common.models.weights import load_sections
from common.run.checkpoint import Handover, load_handover
from transfer.model import SegmentationNet


def load_network(path: Path) -> tuple[SegmentationNet, Handover]:
    """The network in a best.pth, ready to predict, and all else that the file says.

    Raises UserError where the file is none, or is another kind's.
    """
    handover = load_handover(path, kind="segmentation")
    net = SegmentationNet.from_architecture(handover.architecture)
    load_sections(net, handover.sections, str(path))
    return net.eval(), handover


def predict_at_size(logits: Float[Tensor, "n k s s"], size: Sequence[int]) -> Int64[Tensor, "n {size[0]} {size[1]}"]:
    """The likeliest class of every pixel at another size: the logits are brought to it, so that borders are smooth."""
    return F.interpolate(logits, size=tuple(size), mode="bilinear", align_corners=False).argmax(1)
