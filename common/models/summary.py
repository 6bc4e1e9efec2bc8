"""The layers of a network as a table."""

from pathlib import Path

import torchinfo
from jaxtyping import Float
from torch import Tensor, nn

from common.models.inspect import eval_mode

COLUMNS = ("output_size", "num_params", "trainable")
"""What the table says of each layer."""
OUTLINE = 3
"""Levels of nested layers in the outline."""


def write_summary(model: nn.Module, image: Float[Tensor, "n c h w"], path: Path) -> str:
    """Write each layer with the shape of its output and its parameters to a file; return the outline of that.

    The image is on the model's device.
    """
    with eval_mode(model):
        summary = torchinfo.summary(model, input_data=image, depth=6, verbose=0, col_names=COLUMNS)
    path.write_text(f"{summary}\n", encoding="utf-8")
    summary.formatting.max_depth = OUTLINE
    return str(summary)
