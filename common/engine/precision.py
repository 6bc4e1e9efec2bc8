"""The number format of a training's forward and backward pass: torch's autocast, and its gradient scaler for fp16."""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import nn

from common.config.groups import RunConfig
from common.engine.device import find_device
from common.say import aside, note
from common.tensors import at_least_float32

Format = Literal["fp32", "bf16", "fp16"]
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
BF16_UNITS = ("avx512_bf16", "amx_bf16", "bf16")
"""Of processors by Intel and AMD, by Intel, and by Arm, as torch.cpu.get_capabilities names them."""


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
    if config.threads != "auto":
        torch.set_num_threads(int(config.threads))
    if device.type == "cpu":
        config.refuse_fp16()
    return Precision(device, _form(config, has_units(device, "bf16")))


def _form(config: RunConfig, bf16_units: bool) -> Format:
    """The format that the settings mean on a device; a note says where another is faster."""
    if config.precision == "bf16" and not bf16_units:
        note("this device has no units for bf16 and imitates it, about 10 times slower: leave out --precision bf16")
    if config.precision != "auto":
        return config.precision
    if config.amp and config.amp_dtype == "bf16" and not bf16_units:
        note("--amp: this device has no units for bf16, so the network computes in fp32 (--precision bf16 insists)")
        return "fp32"
    if bf16_units and not config.amp:
        aside("this device has units for bf16: --precision bf16 is faster (docs/performance.md)")
    return config.amp_dtype if config.amp else "fp32"


def has_units(device: torch.device, form: Format) -> bool:
    """Whether a device multiplies in this format, and does not only imitate it."""
    match device.type, form:
        case _, "fp32":
            return True
        case "cuda", "bf16":
            return torch.cuda.is_bf16_supported(including_emulation=False)
        case "cpu", _:
            found = torch.cpu.get_capabilities()
            return form == "bf16" and any(found.get(name, False) for name in BF16_UNITS)
        case _:
            return True
