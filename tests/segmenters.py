"""Files of untrained segmentation networks, for the tests of what uses one."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from datasets import photo
from PIL import Image

from common.models.decoder import UNetDecoder
from common.models.encoder import UNetEncoder
from common.run.checkpoint import save_handover
from common.run.records import SegmentationRecord
from tests.records import segmentation_handover
from transfer.model import SegmentationNet


def write_segmenter(
    path: Path,
    names: Sequence[str] = ("background", "cat", "dog"),
    *,
    seed: int = 0,
    widths: Sequence[int] = (4, 6, 8),
) -> Path:
    """A network for images of 64 x 64 pixels that predicts every class, of some pixels surely."""
    torch.manual_seed(seed)
    encoder = UNetEncoder(widths=tuple(widths), norm="batch", dropout=(0.0,) * len(widths))
    decoder = UNetDecoder(encoder.channels, encoder.strides, norm="batch", dropout=(0.0,) * (len(widths) - 1))
    net = SegmentationNet(encoder, decoder, num_classes=len(names))
    with torch.no_grad():
        logits = net.eval()(torch.from_numpy(photo(0, height=64, width=64)).permute(2, 0, 1)[None].float() / 255)
        weight, bias = list(net.head.parameters())[-2:]
        bias.sub_(logits.mean((0, 2, 3)))
        for tensor in (weight, bias):
            tensor.mul_(2 / logits.std((0, 2, 3)).mean())
    path.parent.mkdir(parents=True, exist_ok=True)
    save_handover(segmentation_handover(net, SegmentationRecord(tuple(names))), path)
    return path


def pixels(path: Path) -> np.ndarray:
    """The values of a picture: of a palette the indices."""
    with Image.open(path) as picture:
        return np.asarray(picture)
