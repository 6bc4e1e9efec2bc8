"""The number format of a training's forward and backward pass: torch's autocast, and its gradient scaler for fp16."""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import nn

from common.config.groups import RunConfig
from common.engine.device import find_device
from common.errors import UserError
from common.tensors import at_least_float32

Format = Literal["fp32", "bf16", "fp16"]
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Precision:
    """A device, and the number format in which convolutions and products are computed there.

    Weights, losses and the optimizer's state stay float32. Source: Micikevicius et al. 2017, Mixed Precision
    Training, arXiv 1710.03740.
    """

    def __init__(self, device: torch.device, form: Format = "fp32") -> None:
        self.device, self.form = device, form
        self.scaler = torch.amp.GradScaler(device.type, enabled=form == "fp16")

    def place(self, network: nn.Module) -> "Placed":
        """The network on the device, in this format; the weights are the same objects."""
        return Placed(network.to(self.device), self)


class Placed(nn.Module):
    """A network that computes in a format, and returns float32."""

    def __init__(self, network: nn.Module, precision: Precision) -> None:
        super().__init__()
        self.network, self.precision = network, precision

    def forward(self, *inputs: Any, **named: Any) -> Any:
        form = self.precision.form
        with torch.autocast(self.precision.device.type, dtype=DTYPES[form], enabled=form != "fp32"):
            outputs = self.network(*inputs, **named)
        if isinstance(outputs, Mapping):
            return {name: at_least_float32(output) for name, output in outputs.items()}
        return at_least_float32(outputs)


def make_precision(config: RunConfig) -> Precision:
    """The device and the format that the settings name. Raises UserError where they can't be had."""
    device = find_device(config.device)
    if config.amp and config.amp_dtype == "fp16" and device.type == "cpu":
        raise UserError("--amp_dtype fp16 does not work on a CPU: use --amp_dtype bf16, or a GPU")
    return Precision(device, config.amp_dtype if config.amp else "fp32")
