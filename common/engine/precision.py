"""The number format of a training's forward and backward pass: torch's autocast, and its gradient scaler for fp16."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional as F

from common.config.groups import RunConfig
from common.engine.device import find_device
from common.models.depthwise import spare_depthwise
from common.ranks.group import own_random
from common.say import note
from common.tensors import at_least_float32

Format = Literal["fp32", "bf16", "fp16"]
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
BF16_UNITS = ("avx512_bf16", "amx_bf16", "bf16")
"""Of processors by Intel and AMD, by Intel, and by Arm, as torch.cpu.get_capabilities names them."""
GAIN = 1.2
"""How many times as fast as fp32 a processor must be in bf16 to take it: some have units for it that are slower."""


class Precision:
    """A device, and the number format in which convolutions and products are computed there.

    Weights, losses and the optimizer's state stay float32. Source: Micikevicius et al. 2017, Mixed Precision
    Training, arXiv 1710.03740.
    """

    def __init__(self, device: torch.device, form: Format = "fp32", *, asked: bool = True) -> None:
        """`asked`: the user named the format; another is that of this device, and a resumed run keeps its own."""
        self.device, self.asked = device, asked
        self.form: Format = form
        self.restart()

    def resume(self, form: Format) -> None:
        """Go on in the format that a run began in, if no other was asked for; a note says where bits will differ."""
        if not self.asked and not (form == "fp16" and self.device.type == "cpu"):
            self.form = form
            self.restart()
        if form != self.form:
            note(f"the run began in {form} and goes on in {self.form}: its bits will differ")

    def restart(self) -> None:
        """Scale gradients as at the beginning of a training."""
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.form == "fp16")

    def autocast(self) -> torch.autocast:
        """Inside this context convolutions and products are computed in the format."""
        return autocast(self.device, self.form)

    def place(self, network: nn.Module) -> "Placed":
        """The network on the device, in this format; the weights are the same objects."""
        spare_depthwise(network)
        return Placed(network.to(self.device), self)


class Placed(nn.Module):
    """A network that computes in a format, and returns float32."""

    def __init__(self, network: nn.Module, precision: Precision) -> None:
        super().__init__()
        self.network, self.precision = network, precision

    def forward(self, *inputs: Any, **named: Any) -> Any:
        with self.precision.autocast(), own_random(self.precision.device):
            outputs = self.network(*inputs, **named)
        if isinstance(outputs, Mapping):
            return {name: at_least_float32(output) for name, output in outputs.items()}
        return at_least_float32(outputs)


class Lowered:
    """A part of a loss that asks a fixed network, which may compute in `form` although the loss is in float32."""

    form: Format = "fp32"


@contextmanager
def lowered(loss: nn.Module, form: Format) -> Iterator[None]:
    """Inside the context the fixed networks of a loss compute in this format."""
    parts = [part for part in loss.modules() if isinstance(part, Lowered)]
    for part in parts:
        part.form = form
    try:
        yield
    finally:
        for part in parts:
            part.form = Lowered.form


def autocast(device: torch.device, form: Format) -> torch.autocast:
    """Inside this context convolutions and products are computed in the format, whatever a context around it says."""
    return torch.autocast(device.type, dtype=DTYPES[form], enabled=form != "fp32")


def make_precision(config: RunConfig) -> Precision:
    """The device and the format that the settings name. Raises UserError where they can't be had."""
    device = find_device(config.device)
    if config.threads != "auto":
        torch.set_num_threads(int(config.threads))
    if device.type == "cpu":
        config.refuse_fp16()
    return Precision(device, _form(config, device), asked=config.precision != "auto")


def _form(config: RunConfig, device: torch.device) -> Format:
    """The format that the settings mean on a device; a note says where another is faster."""
    faster = config.precision != "fp32" and is_faster(device, "bf16")
    if config.precision == "bf16" and not faster:
        note("this device is slower in bf16 than in fp32: leave out --precision bf16")
    if config.precision != "auto":
        return config.precision
    if config.amp and config.amp_dtype == "bf16" and not faster:
        note("--amp: this device is not faster in bf16, so the network computes in fp32 (--precision bf16 insists)")
        return "fp32"
    if faster and not config.amp:
        note("this device is faster in bf16: --precision bf16 (docs/performance.md)")
    return config.amp_dtype if config.amp else "fp32"


def is_faster(device: torch.device, form: Format) -> bool:
    """Whether a device computes networks faster in this format than in fp32; a CPU's units are timed."""
    match device.type, form:
        case "cuda", "bf16":
            return torch.cuda.is_bf16_supported(including_emulation=False)
        case "cpu", _:
            found = torch.cpu.get_capabilities()
            return form == "bf16" and any(found.get(name, False) for name in BF16_UNITS) and bf16_gain() >= GAIN
        case _:
            return form != "fp32"


@cache
def bf16_gain() -> float:
    """How many times as fast as in fp32 this CPU computes a convolution in bf16, by the fastest of a few trials."""
    return _seconds(torch.float32) / _seconds(torch.bfloat16)


@torch.no_grad()
def _seconds(dtype: torch.dtype) -> float:
    image = torch.ones(4, 64, 32, 32, dtype=dtype).to(memory_format=torch.channels_last)
    weight = torch.ones(64, 64, 3, 3, dtype=dtype).to(memory_format=torch.channels_last)
    times = []
    for _ in range(8):
        began = time.perf_counter()
        F.conv2d(image, weight, padding=1)
        times.append(time.perf_counter() - began)
    return min(times)
