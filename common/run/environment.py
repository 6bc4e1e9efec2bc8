"""The environment of a run: versions, machine, command, memory."""

import platform
import shlex
import subprocess
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from common.run.started import started

PACKAGES = (
    "torch", "torchvision", "kornia", "pytorch-msssim", "opencv-python", "scikit-learn", "numpy",
    "segmentation-models-pytorch",
)  # fmt: skip


def peak_memory(device: torch.device) -> dict[str, float]:
    """Return the peak memory so far in MiB: of the process (not on Windows), and of tensors on a GPU."""
    peaks = {}
    if sys.platform != "win32":
        import resource  # exists on Unix alone

        unit = 2**20 if sys.platform == "darwin" else 2**10
        peaks["peak_memory_mib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 1)
    if device.type == "cuda":
        peaks["peak_gpu_memory_mib"] = round(torch.cuda.max_memory_allocated(device) / 2**20, 1)
    return peaks


def environment(**settled: str) -> dict[str, Any]:
    """Return versions, machine and command, for repeating the run, and what it settled for itself."""
    return {
        **settled,
        "command": typed_command(),
        "started": started(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "commit": commit_of(Path(__file__).resolve()),
        "platform": platform.platform(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def typed_command() -> str:
    """Return the command line of this process, quoted for a shell."""
    module = getattr(sys.modules["__main__"].__spec__, "name", None)
    if module is None:
        script = Path(sys.argv[0])
        return shlex.join([script.name if script.name == "recon2seg" else str(script), *sys.argv[1:]])
    return shlex.join(["python", "-m", module.removesuffix(".__main__"), *sys.argv[1:]])


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


@cache
def commit_of(file: Path) -> str | None:
    """The commit of a file's code; None for one that no repository holds, though it may lie in one of other code."""
    if not _answer(file.parent, "ls-files", "--error-unmatch", file.name):
        return None
    return _answer(file.parent, "describe", "--always", "--dirty") or None


def _answer(folder: Path, *words: str) -> str:
    """What git says in a folder; "" where it refuses, or is not there."""
    try:
        answer = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""
