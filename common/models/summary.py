"""The layers of a network as a table, and its size in a line."""

from pathlib import Path

import torchinfo
from jaxtyping import Float
from torch import Tensor, nn

from common.models.inspect import eval_mode
from common.ranks.group import rank

COLUMNS = ("output_size", "num_params", "trainable")
"""What the table says of each layer."""


def write_summary(model: nn.Module, image: Float[Tensor, "n c h w"], path: Path) -> str:
    """Write each layer with the shape of its output and its parameters to a file; return the network's size in words.

    The image is on the model's device.
    """
    with eval_mode(model):
        summary = torchinfo.summary(model, input_data=image, depth=6, verbose=0, col_names=COLUMNS)
    if rank() == 0:
        path.write_text(f"{summary}\n", encoding="utf-8")
    millions = [f"{number / 1e6:,.1f} million" for number in (summary.total_params, summary.trainable_params)]
    learn = "" if summary.trainable_params == summary.total_params else f", {millions[1]} learn"
    return f"network: {millions[0]} parameters{learn}; its layers are in {path.name}"
