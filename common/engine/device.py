"""On what a run computes, and how exactly: Lightning Fabric, chosen by the flags."""

import torch
from lightning_fabric import Fabric

from common.config.groups import RunConfig
from common.errors import UserError


def make_fabric(config: RunConfig) -> Fabric:
    """The engine for one device. Raises UserError when that device is absent or can't do the precision."""
    name = _found() if config.device == "auto" else config.device
    kind, _, index = name.partition(":")
    if kind == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: PyTorch finds no CUDA GPU here; use --device cpu or auto")
    if index and int(index) >= torch.cuda.device_count():
        raise UserError(f"--device {name}: there are only {torch.cuda.device_count()} CUDA GPUs, counted from 0")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise UserError("--device mps: PyTorch finds no Apple GPU here; use --device cpu or auto")
    if config.amp and config.amp_dtype == "fp16" and kind == "cpu":
        raise UserError("--amp_dtype fp16 does not work on a CPU: use --amp_dtype bf16, or a GPU")
    precision = {"bf16": "bf16-mixed", "fp16": "16-mixed"}[config.amp_dtype] if config.amp else "32-true"
    return Fabric(accelerator=kind, devices=[int(index)] if index else 1, precision=precision)  # type: ignore[arg-type]


def _found() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
