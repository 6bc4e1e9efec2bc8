"""What a run left, read and compared, and how a command refuses."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from common.run.checkpoint import load_handover, save_handover
from common.tensor_files import load_tensors

RECORDS = ("config.yaml", "metrics.csv", "metrics.json", "environment.json", "tensorboard", "best.pth", "last.pth")
"""What a run of either phase leaves."""


def metrics(folder: Path) -> dict:
    return json.loads((folder / "metrics.json").read_text())


def weights(folder: Path) -> dict:
    return load_tensors(folder / "last.pth")["state"]


def now_with(folder: Path, **settings: str) -> None:
    """Write the best.pth of a run's folder again as that of other settings."""
    file = load_handover(folder / "best.pth")
    origin = replace(file.provenance, config={**file.provenance.config, **settings})
    save_handover(replace(file, provenance=origin), folder / "best.pth")


def same(ours, theirs) -> bool:
    """Equal bits in nested states."""
    if isinstance(ours, torch.Tensor):
        return torch.equal(ours, theirs)
    if isinstance(ours, dict):
        return ours.keys() == theirs.keys() and all(same(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list | tuple):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    return ours == theirs


class PowerCutError(Exception):
    """Stands for what stops a computer."""


@contextmanager
def power_cut(*, after: int) -> Iterator[None]:
    """Inside this context a training stops right after it has saved so many epochs."""
    import common.engine.session as training

    keep = training.fit

    def cut(one_epoch, scores, save, **settings):
        def save_and_fall(progress, better):
            save(progress, better)
            if progress.epoch == after:
                raise PowerCutError

        keep(one_epoch, scores, save_and_fall, **settings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "fit", cut)
        with pytest.raises(PowerCutError):
            yield


def refusal(command, words, capsys, *, leaves: Sequence[str] = ()) -> str:
    """The one sentence with which a command refuses; what is there afterwards was there, or it `leaves` it."""
    before = sorted(Path.cwd().rglob("*"))
    assert command([str(word) for word in words]) == 2
    said = capsys.readouterr().err.replace("\n  ", " ").splitlines()  # what a narrow terminal breaks
    assert sorted(Path.cwd().rglob("*")) == sorted([*before, *(Path.cwd() / name for name in leaves)])
    assert [line for line in said if line.startswith("error:")] == said[-1:]
    assert not any("Traceback" in line for line in said)
    return said[-1]
