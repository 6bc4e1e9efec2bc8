"""Device and precision of a run: Lightning Fabric, configured by the flags."""

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import LightningEnvironment

from common.config.groups import RunConfig
from common.errors import UserError


def find_device(name: str = "auto") -> torch.device:
    """Return the device of this name: auto (a GPU, else the CPU), cpu, cuda, cuda:1 or mps.

    Raises UserError for a name that is none of these, and for a device that this machine lacks.
    """
    RunConfig(device=name).check()
    kind, _, index = (_best() if name == "auto" else name).partition(":")
    if kind == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: PyTorch finds no CUDA GPU here; use --device cpu or auto")
    if index and int(index) >= torch.cuda.device_count():
        raise UserError(f"--device {name}: there are only {torch.cuda.device_count()} CUDA GPUs, counted from 0")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise UserError("--device mps: PyTorch finds no Apple GPU here; use --device cpu or auto")
    return torch.device("cpu") if kind == "cpu" else torch.device(kind, int(index or 0))


def make_fabric(config: RunConfig) -> Fabric:
    """Return a Fabric for one device. Raises UserError if the device is absent or lacks the precision."""
    device = find_device(config.device)
    if config.amp and config.amp_dtype == "fp16" and device.type == "cpu":
        raise UserError("--amp_dtype fp16 does not work on a CPU: use --amp_dtype bf16, or a GPU")
    precision = {"bf16": "bf16-mixed", "fp16": "16-mixed"}[config.amp_dtype] if config.amp else "32-true"
    devices = [device.index] if device.type == "cuda" else 1
    here = LightningEnvironment()  # this process alone: Fabric would ask the variables of Slurm and torchrun for more
    return Fabric(accelerator=device.type, devices=devices, precision=precision, plugins=here)  # type: ignore[arg-type]


def _best() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
