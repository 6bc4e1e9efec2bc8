"""What a run left, read and compared, and how a command refuses."""

import json
from collections.abc import Sequence
from pathlib import Path

import torch

from common.tensor_files import load_tensors

RECORDS = ("config.yaml", "metrics.csv", "metrics.json", "environment.json", "tensorboard", "best.pth", "last.pth")
"""What a run of either phase leaves."""


def metrics(folder: Path) -> dict:
    return json.loads((folder / "metrics.json").read_text())


def weights(folder: Path) -> dict:
    return load_tensors(folder / "last.pth")["state"]


def same(ours, theirs) -> bool:
    """Equal bits in nested states."""
    if isinstance(ours, torch.Tensor):
        return torch.equal(ours, theirs)
    if isinstance(ours, dict):
        return ours.keys() == theirs.keys() and all(same(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list | tuple):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    return ours == theirs


def refusal(command, words, capsys, *, leaves: Sequence[str] = ()) -> str:
    """The one sentence with which a command refuses; what is there afterwards was there, or it `leaves` it."""
    before = sorted(Path.cwd().rglob("*"))
    assert command([str(word) for word in words]) == 2
    said = capsys.readouterr().err.replace("\n  ", " ").splitlines()  # what a narrow terminal breaks
    assert sorted(Path.cwd().rglob("*")) == sorted([*before, *(Path.cwd() / name for name in leaves)])
    assert [line for line in said if line.startswith("error:")] == said[-1:]
    assert not any("Traceback" in line for line in said)
    return said[-1]
