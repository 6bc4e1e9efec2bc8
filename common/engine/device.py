"""The device of a run, by its name."""

import os

import torch

from common.config.groups import RunConfig
from common.errors import UserError
from common.ranks.group import count


def find_device(name: str = "auto") -> torch.device:
    """Return the device of this name: auto (CUDA, else the CPU), cpu, cuda, cuda:1 or mps; of ranks each has its own.

    Apple's GPUs (mps) are taken where they are named alone: this project was never tried on one.

    Raises UserError for a name that is none of these, and for a device that this machine lacks.
    """
    RunConfig(device=name).check()
    best = "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, index = (best if name == "auto" else name).partition(":")
    if kind == "cuda" and not index and "LOCAL_RANK" in os.environ and count() > 1:
        index = os.environ["LOCAL_RANK"]
    if kind == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: PyTorch finds no CUDA GPU here; use --device cpu or auto")
    if index and int(index) >= torch.cuda.device_count():
        raise UserError(f"--device {name}: there are only {torch.cuda.device_count()} CUDA GPUs, counted from 0")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise UserError("--device mps: PyTorch finds no Apple GPU here; use --device cpu or auto")
    return torch.device("cpu") if kind == "cpu" else torch.device(kind, int(index or 0))
