"""Every test runs on one thread, with the shape annotations executed."""

import os

os.environ.setdefault("MPLBACKEND", "Agg")

from jaxtyping import install_import_hook

install_import_hook(["common", "pretrain", "transfer"], "typecheck.check")

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _private_cache(tmp_path_factory, monkeypatch):
    """No test reads or fills the cache of the person who runs it."""
    monkeypatch.setenv("RECON2SEG_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
