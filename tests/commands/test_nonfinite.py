"""A training that diverges keeps what was finite, names the images, and goes on with a lower rate."""

import json
import math

import pytest
import torch
from run_checks import metrics
from tiny import PRETRAIN, SYNTHETIC, TRANSFER

from common.rows import read_rows
from common.run.checkpoint import load_handover
from common.run.notes import skipped_note
from common.tensor_files import load_tensors
from pretrain.main import main as pretrain
from transfer.main import main as transfer
from transfer.phase import Transfer

HIGH = ["--optimizer", "sgd", "--momentum", "0", "--lr", "1e9", "--schedule", "constant"]


def finite(folder) -> bool:
    """Whether every network and state of a folder is finite."""
    files = [load_tensors(path) for path in folder.glob("*.pth")]
    networks = [content["sections"] if "sections" in content else content["state"] for content in files]
    return all(
        bool(tensor.isfinite().all())
        for network in networks
        for part in network.values()
        for tensor in part.values()
        if isinstance(tensor, torch.Tensor) and tensor.is_floating_point()
    )


@pytest.mark.parametrize(
    ("command", "flags"),
    [
        pytest.param(pretrain, PRETRAIN, id="pretrain"),
        pytest.param(transfer, TRANSFER, id="transfer", marks=pytest.mark.slow),
    ],
)
def test_nothing_that_is_not_finite_is_saved_and_a_lower_rate_goes_on(command, flags, tmp_path, capsys):
    words = [*flags, *SYNTHETIC, *HIGH, "--epochs", "3", "--output_dir", "run"]
    assert command(words) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "--resume --output_dir run" in said
    assert "--lr 1e+08" in said
    assert finite(tmp_path / "run")
    assert command(["--resume", "--output_dir", "run", "--lr", "0.001"]) == 0
    assert finite(tmp_path / "run")
    assert "--lr was 1000000000.0, is 0.001" in json.loads((tmp_path / "run/run.json").read_text())["changes"][0]
    assert metrics(tmp_path / "run")["epochs"] == 3


@pytest.fixture
def _one_bad_batch(monkeypatch):
    """The loss of every batch with the training's second image is not a number, and breaks the normalisations."""
    step = Transfer.step

    def broken(self, batch):
        terms = step(self, batch)
        if 1 not in batch.index.tolist():
            return terms
        next(buffer for buffer in self.net.buffers() if buffer.is_floating_point()).fill_(math.nan)
        return {**terms, "loss": terms["loss"] * math.nan}

    monkeypatch.setattr(Transfer, "step", broken)


@pytest.mark.usefixtures("_one_bad_batch")
def test_the_images_of_a_batch_that_is_not_finite_are_named(capsys):
    assert transfer([*TRANSFER, *SYNTHETIC, "--output_dir", "run"]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "(loss nan, " in said
    assert "with the images " in said
    assert "no epoch is kept" in said


@pytest.mark.usefixtures("_one_bad_batch")
def test_such_a_batch_is_skipped_where_that_is_wanted(tmp_path, capsys):
    assert transfer([*TRANSFER, *SYNTHETIC, "--on_nonfinite", "skip", "--output_dir", "run"]) == 0
    assert capsys.readouterr().err.count("skipped: the loss is not a number") == 2
    assert finite(tmp_path / "run")
    assert load_handover(tmp_path / "run/best.pth").provenance.validation["train/skipped_updates"] == 1
    assert skipped_note(read_rows(tmp_path / "run/metrics.csv")) == [
        "skipped 2 updates, since the loss or gradient was not finite"
    ]
