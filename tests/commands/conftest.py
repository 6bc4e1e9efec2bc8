"""A finished run of each phase, made once, and a working folder for every test."""

import pytest
from datasets import write_images_masks
from tiny import FOLDS, PRETRAIN, SYNTHETIC, TRANSFER

from pretrain.main import main as pretrain
from transfer.main import main as transfer


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """Commands write into the working folder; that is one of the test's own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def ae(tmp_path_factory):
    """A run folder of phase 1 on embedded data."""
    folder = tmp_path_factory.mktemp("phase1") / "ae"
    assert pretrain([*PRETRAIN, "--synthetic_count", "40", "--report", "--output_dir", str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def seg(tmp_path_factory, ae):
    """A run folder of phase 2 on embedded data, with that encoder."""
    folder = tmp_path_factory.mktemp("phase2") / "seg"
    words = ["--pretrained_encoder", str(ae), "--freeze_epochs", "1", "--report", "--output_dir", str(folder)]
    assert transfer([*TRANSFER, *SYNTHETIC, *words]) == 0
    return folder


@pytest.fixture(scope="session")
def nine(tmp_path_factory):
    """A data set of nine images."""
    return write_images_masks(tmp_path_factory.mktemp("data"), 9)


@pytest.fixture(scope="session")
def three_folds(nine):
    """The words of a cross-validation of them."""
    return [*FOLDS, "--data_dir", str(nine)]
