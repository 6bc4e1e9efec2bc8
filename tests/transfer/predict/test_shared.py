"""Which devices segment, and which images each of them."""

from pathlib import Path

import pytest
import torch

from common.errors import UserError
from transfer.predict.config import PredictOptions
from transfer.predict.shared import devices_of

FILE = Path("best.pth")


@pytest.fixture(autouse=True)
def _two_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.mark.parametrize(
    ("devices", "device", "expected"),
    [
        ("1", "cuda:1", ["cuda:1"]),
        ("2", "auto", ["cuda:0", "cuda:1"]),
        ("auto", "cuda", ["cuda:0", "cuda:1"]),
        ("3", "cpu", ["cpu"] * 3),
        ("auto", "cpu", ["cpu"]),
        ("auto", "cuda:1", ["cuda:1"]),
    ],
)
def test_each_process_has_a_device(devices, device, expected):
    assert devices_of(PredictOptions(model_path=(FILE,), devices=devices, device=device)) == expected


@pytest.mark.parametrize(
    ("file", "devices", "device", "said"),
    [
        ("best.pth", "3", "auto", "--devices 3 is more than the 2 CUDA GPUs of this computer: give --devices 2, or"),
        ("best.pth", "2", "cuda:1", "--device cuda:1 is for one process, and there are 2: give cuda or cpu"),
        ("model.onnx", "2", "cpu", "model.onnx is run by onnxruntime on the CPU, all of whose cores it takes: leave"),
    ],
)
def test_devices_that_are_not_there_are_refused(file, devices, device, said):
    with pytest.raises(UserError) as refused:
        devices_of(PredictOptions(model_path=(Path(file),), devices=devices, device=device))
    assert str(refused.value).startswith(said)


def test_without_a_gpu_processes_are_on_the_cpu_unless_a_gpu_was_asked_for(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert devices_of(PredictOptions(model_path=(FILE,), devices="2")) == ["cpu", "cpu"]
    with pytest.raises(UserError, match="--devices 2 is more than the 0 CUDA GPUs of this computer"):
        devices_of(PredictOptions(model_path=(FILE,), devices="2", device="cuda"))


def test_no_device_is_refused():
    options = PredictOptions(model_path=(FILE,), input=FILE, output=FILE, devices="0")
    with pytest.raises(UserError, match="--devices is '0': it is auto, or a whole number from 1"):
        options.check()
