"""Every test runs on one thread, with the shape annotations executed."""

import atexit
import gc
import os
import urllib.request
from functools import cache

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ["OMP_NUM_THREADS"] = "1"
os.environ.pop("COLUMNS", None)  # where a shell exports it, lines would be broken
os.environ["OMP_WAIT_POLICY"] = "passive"  # for the few tests that ask for two
gc.disable()  # what is imported and collected stays

import typecheck

typecheck.install(["common", "pretrain", "transfer"])

import pytest
import torch
from tyro._parsers import ParserSpecification

from common.data import embedded

torch.set_num_threads(1)


def pytest_collection_finish():
    """The garbage collector passes over what lives as long as the tests; that saves a tenth of their time."""
    gc.freeze()
    gc.set_threshold(50_000)  # 700 objects, its own, are a few calls of a test
    gc.enable()


def pytest_sessionfinish():
    gc.collect()  # what the tests left
    gc.unfreeze()


def pytest_unconfigure():
    """Nor do pytest's last collections, of several seconds, look at all that was imported."""
    gc.freeze()
    atexit.register(gc.unfreeze)


@pytest.fixture(scope="session", autouse=True)
def _pets_are_drawn_once():
    """Runs that share a count and a size of the embedded pets share the drawings, which take a run 0.3 s."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded, "synthetic_pets", cache(embedded.synthetic_pets))
        yield


@pytest.fixture(scope="session", autouse=True)
def _parsers_are_made_once():
    """Calls that share a class of settings and its defaults share tyro's parser, which takes a call 0.04 s."""
    make = ParserSpecification.from_callable_or_type
    kept = cache(lambda kind, default, words: make(kind, default_instance=default, **dict(words)))

    def made(kind, *, default_instance, **words):
        if words["intern_prefix"]:
            return make(kind, default_instance=default_instance, **words)
        known = ((name, frozenset(word) if isinstance(word, set) else word) for name, word in words.items())
        return kept(kind, default_instance, tuple(known))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ParserSpecification, "from_callable_or_type", staticmethod(made))
        yield


@pytest.fixture(scope="session", autouse=True)
def _private_cache(tmp_path_factory):
    """No test reads or fills the cache of the person who runs it, nor do the runs that tests share."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECON2SEG_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        patch.setenv("TORCH_HOME", str(tmp_path_factory.getbasetemp() / "torch"))
        yield


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty cache of a hub that does not answer."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(urllib.request, "_opener", None)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "hub"
