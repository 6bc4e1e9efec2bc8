"""Every test runs on one thread, with the shape annotations executed."""

import os

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OMP_WAIT_POLICY"] = "passive"  # for the few tests that ask for two

from jaxtyping import install_import_hook

install_import_hook(["common", "pretrain", "transfer"], "typecheck.check")

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _private_cache(tmp_path_factory):
    """No test reads or fills the cache of the person who runs it, nor do the runs that tests share."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECON2SEG_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        yield
