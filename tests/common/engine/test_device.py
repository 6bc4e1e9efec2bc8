"""Which device a run takes."""

import pytest
import torch

from common.engine.device import find_device


@pytest.mark.parametrize(("cuda", "taken"), [(True, "cuda"), (False, "cpu")])
def test_auto_takes_no_apple_gpu_unless_it_is_named(monkeypatch, cuda, taken):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert find_device("auto").type == taken
    assert find_device("mps").type == "mps"
